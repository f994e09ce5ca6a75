export function defineFpu(): void {}
