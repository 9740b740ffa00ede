import compare from "semver/functions/compare.js";
import prerelease from "semver/functions/prerelease.js";
import rcompare from "semver/functions/rcompare.js";
import { parseTag, TagError } from "./tag.js";

/** What there is to start: the newest tag, or none; and why each other one is not it, the newest first. */
export interface Watched {
  readonly tag: string | undefined;
  readonly passedOver: readonly { readonly tag: string; readonly why: string }[];
}

/**
 * Chooses the tag to start next: the newest version after the one that an environment has. A tag that was started is in the
 * environment's release file, so it is not chosen again.
 *
 * @param tags all tags of the repository
 * @param released the tag in the environment's release file
 * @param except tags that are not to be started, such as one that has failed
 * @param had tags that the release file has had
 */
export function chooseTag(
  tags: readonly string[],
  released: string,
  except: readonly string[] = [],
  had: readonly string[] = [],
): Watched {
  const passedOver: { tag: string; why: string }[] = [];
  const good: string[] = [];
  for (const tag of tags) {
    const why = obstacle(tag, released, except, had);
    if (why) passedOver.push({ tag, why });
    else good.push(tag);
  }
  const [newest, ...older] = good.sort(rcompare);
  passedOver.push(...older.map((tag) => ({ tag, why: `${newest} is newer` })));
  return { tag: newest, passedOver: passedOver.sort((a, b) => byVersion(a.tag, b.tag)) };
}

function obstacle(
  tag: string,
  released: string,
  except: readonly string[],
  had: readonly string[],
): string | undefined {
  if (!isVersion(tag)) return "no version of the form vX.Y.Z";
  if (tag === released) return "is released already";
  if (prerelease(tag)) return "a pre-release";
  if (except.includes(tag)) return "named as one not to start";
  if (had.includes(tag) && compare(tag, released) > 0)
    return "was started before, and taken back, or replaced by an older one";
  if (compare(tag, released) < 0) return `older than ${released}`;
  return undefined;
}

function isVersion(tag: string): boolean {
  try {
    parseTag(tag);
    return true;
  } catch (error) {
    if (error instanceof TagError) return false;
    throw error;
  }
}

/** Versions before other tags, the newest first. */
function byVersion(a: string, b: string): number {
  if (isVersion(a) && isVersion(b)) return rcompare(a, b);
  return Number(isVersion(b)) - Number(isVersion(a)) || a.localeCompare(b);
}

/** The lines of a log: what was chosen, and why the other tags were not; old ones are many, so they are counted. */
export function describeWatched({ tag, passedOver }: Watched, released: string, where: string): string[] {
  const old = passedOver.filter(({ why }) => why.startsWith("older than"));
  const others = passedOver.filter((each) => !old.includes(each)).map((each) => `passed over ${each.tag}: ${each.why}`);
  return [
    tag ? `${where}: ${tag} is new; the environment has ${released}` : `${where}: nothing newer than ${released}`,
    ...others,
    ...(old.length > 0 ? [`passed over ${old.length} tags older than ${released}`] : []),
  ];
}
