export class DepsError extends Error {}
export function ensureDeps(folders?: string[], say?: (line: string) => void): Promise<void>;
export function stampOf(folder: string): string;
