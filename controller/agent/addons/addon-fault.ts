/** What is wrong with an addon itself: it stays so until the target names another. */
import { StallingError } from '../../api/errors.ts';

export type FaultReason =
  'NotErofs' | 'NameMismatch' | 'WrongRelease' | 'HasOSRelease' | 'InvalidArtifact' | 'RequirementMissing' | 'AddonUntrusted';

export class AddonFault extends StallingError {
  declare readonly reason: FaultReason;

  constructor(reason: FaultReason, message: string, options?: ErrorOptions) {
    super(reason, message, options);
    this.name = 'AddonFault';
  }
}
