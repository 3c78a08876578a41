import { testTables } from './corpus/cases.ts';
import { refusedAttestations } from './corpus/refused-attestations.ts';

testTables(refusedAttestations);
