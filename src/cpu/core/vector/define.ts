export function defineVectors(): void {}
