export function locked<T>(
  file: string,
  work: (lock: { add(pid: number | undefined): void }) => Promise<T>,
  options?: { onWait?: (holder: string) => void; signal?: AbortSignal },
): Promise<T>;

export function identity(pid: number): { pid: number; started: string };
