/** A repository's URL without what servers let callers leave out: `.git`, and a slash at the end. */
export const withoutGitEnd = (url: string) => url.replace(/(?:\.git)?\/?$/, "");

/** `owner/name` of `https://github.com/owner/name.git`. */
export const repositoryPath = (url: string) => new URL(withoutGitEnd(url)).pathname.slice(1);

/** `https://github.com/owner/name` and `ssh://git@github.com/owner/name.git` are one. */
export const isSameRepository = (one: string, other: string) => plainUrl(one) === plainUrl(other);

const plainUrl = (url: string) => withoutGitEnd(url.replace(/^[\w+]+:\/\/(?:[^@/]*@)?/, "")).toLowerCase();
