/** Why a profile of addons cannot be given to a node, and what each reason means. */
export const profileReasons = {
  UnknownAddon: 'The profile names a SystemAddon that does not exist.',
  AddonNotReady: 'The variant for the node has no image yet.',
  NoVariant: 'The addon has no variant for the system or the platform of the node; the message lists what it has.',
  SameAddon: 'Two names of the profile stand for the same addon.',
  TooManyAddons: 'The profile has more addons than a node can get.',
  RequirementMissing: 'An addon needs another one that is not in the profile, or something that the node does not have.',
  Masked: 'An addon needs another one that a layer of the profile takes away.',
  RequiresCycle: 'Addons require each other in a circle; the message has all of it.',
  Collision: 'Two addons have a file of the same path, or an addon has one that the system has too; the message lists the paths.',
} as const;

export type ProfileReason = keyof typeof profileReasons;

export interface ProfileProblem {
  /** Of the SystemAddon; of the profile's entry for TooManyAddons. */
  name: string;
  reason: ProfileReason;
  message: string;
}
