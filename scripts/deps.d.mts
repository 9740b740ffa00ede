export class DepsError extends Error {}
export function ensureDeps(options?: {
  folders?: string[];
  dev?: boolean;
  say?: (line: string) => void;
}): Promise<void>;
export function stampOf(folder: string, dev?: boolean): string;
