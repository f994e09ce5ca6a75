/** For one try of a test, and for a hook: a software CPU runs all of it. */
export const TEST_TIMEOUT_SECONDS = 300;
/** A guest has been seen to stand still in there (docs/kvm-in-qemu.md); what is broken is so twice. */
export const TRIES = 2;
