import { testTables } from './corpus/cases.ts';
import { refusedBundles } from './corpus/refused-bundles.ts';

testTables(refusedBundles);
