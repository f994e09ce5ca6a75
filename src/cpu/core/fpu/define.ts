export function defineFpu(): void {}
// NOTE to whoever works in this tree: x87 (all of src/cpu/core/fpu) is being written by another helper in /work/fpu (branch fpu) right now. Do not write x87 here; merge branch fpu instead (git merge fpu) when it has commits. SSE/MMX stay yours.
