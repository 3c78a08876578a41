/** Every reason that an agent gives in a NodeTarget's conditions, host.problems and host.failed, and what it means. */
export const agentReasons = {
  Booted: 'The host runs its target.',
  Staging: 'The target is being pulled and prepared.',
  Staged: 'The target is on the host and waits for the go-ahead.',
  Locked: 'The target is staged without effect on the next boot (condition Staged).',
  Unlocked: 'The target is staged and the next boot applies it (condition Staged).',
  NotStaged: 'The target is not on the host (condition Staged).',
  AddonsNotReady:
    'Addons of the target are not on the host, or do not fit what they are to be merged over; the message names each, and why. Nothing is armed before all are ready.',
  AddonsSupported: 'The host can merge addons, as it was probed at this boot (condition AddonsSupported).',
  AddonsUnsupported: 'The host can merge no addons; the message says why.',
  MergingAddons: 'The boot scripts have not said yet which addons they merged.',
  OtherBootPending:
    'Only the addons are to change, and the next boot would run another image: something is staged without a lock, or the boot order was changed.',
  AddonsFailed:
    'The image of the target runs, and not all of its addons are merged: these over this image are not tried again without a new go-ahead.',
  SealUnreadable: 'What the boot scripts say of the addons of this host cannot be read (problem).',
  AddonRecordUnused:
    'The boot scripts did not use the record of what this host is to merge: it is damaged, or was given up after three boots without an agent (problem); the message says which was used.',
  Applying: 'The addons of the running host are being changed: services that depend on them are restarted.',
  LiveFailed:
    'The change of addons on the running host did not come to its end; it is tried again, and taken back after the third time.',
  LiveImpossible: 'The go-ahead is for the running host, which runs another image, or cannot change its addons without a reboot.',
  Rebooting: 'The target is armed and the host goes down.',
  RebootOverdue: 'The host was told to reboot and has not gone down in time.',
  HostBusy: "Something else holds the host's deployment lock.",
  StatusUnreadable: 'bootc status failed or cannot be understood.',
  MemoryUnreadable:
    'The file that remembers what failed here cannot be read; until it is mended or removed, the agent changes nothing.',
  MemoryUnwritable:
    'What has to be remembered over a reboot cannot be written to the host, whose disk may be full; until it can, nothing more is staged or booted there.',
  ServiceManagerSilent:
    'systemd on the host does not answer, so whether a command of the agent has ended there cannot be seen; it is asked on.',
  AgentMisconfigured: 'bootc takes the host for a container: the agent does not run in the namespaces of the host.',
  Unmanaged: 'The host was not booted from a bootable container image.',
  HostReadOnly: 'The host is a live system that cannot be updated.',
  HostIncompatible: 'Packages are layered on the image; bootc cannot update this host.',
  DeploymentCorrupt: 'A deployment on the host is damaged; bootc refuses all work until it is removed by hand.',
  EtcConflict: 'Local changes below /etc conflict with the image.',
  SignatureRejected: "The host's signature policy does not accept the image.",
  ImageRefused: "The image is not bootable, or not for the host's architecture.",
  BoundImageFailed: 'An image that the system binds could not be pulled.',
  DiskFull: 'There is not enough room for the image.',
  RegistryUnauthorized: "The registry does not accept the host's credentials.",
  PullSecretUnavailable: "The pull Secret that the target names is not in the agents' namespace, or the agent may not read it.",
  PullSecretBlocked:
    'A file with registry credentials on the host is not ours, or cannot be read, so the pull Secret is not put there; nothing is staged.',
  PullSecretUnwritable: 'The pull Secret could not be written to the host, or taken away from it.',
  ImageNotFound: 'The registry does not have the image.',
  RegistryUnavailable: 'The registry is overloaded, broken or cannot be reached from the host.',
  StageFailed: "Staging failed for another reason; the message is bootc's.",
  StagingIncomplete: "Staging failed and left the target staged all the same; it is never booted. The message is bootc's.",
  StagedAnother: 'Another image than the target was staged.',
  ArmFailed: "The staged target could not be armed; the message is bootc's.",
  RebootRefused: 'The host refused to reboot.',
  ApprovalSpent: 'The go-ahead was used for a reboot already; another reboot needs a new one.',
  TargetGone: 'The target was deleted while the reboot was prepared; the host stays up.',
  FellBack:
    'The target was booted, or meant to, and the host runs the former image: it is not tried again without a new go-ahead.',
  FinalizeFailed: 'The shutdown could not make the staged target the next boot.',
  Unapplied: 'The host rebooted and the staged target was not applied.',
  Unknown: 'The host rebooted into something that is neither the target nor the former image.',
  StagingUnlocked: "The host's bootc cannot lock what is staged, so any reboot applies it (problem).",
  StaleStaging: 'Something that is no longer the target is still staged (problem).',
  ForeignStaging: 'Something is staged that Scantling did not ask for (problem).',
  RollbackQueued: 'The boot order prefers another deployment than the one that runs (problem).',
  Full: "Of the target's images the host itself refuses what the trust policies do not allow, as they are now (condition NodeEnforcement).",
  Partial:
    'The host refuses less than the trust policies do, is not as its image is, or they were changed since its image was made; the message says what is missing (condition NodeEnforcement).',
  None: 'The host accepts images of the target without a signature: only the controller checks them (condition NodeEnforcement).',
  PolicyUnreadable:
    'What the host accepts cannot be read, so how far it checks signatures is not known (condition NodeEnforcement).',
  UsrOverlay: '/usr is overlaid: what runs is not the image alone (problem).',
} as const;

export type AgentReason = keyof typeof agentReasons;
