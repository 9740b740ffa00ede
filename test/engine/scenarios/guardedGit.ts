/** A git server that can be told to protect its branch, and what its release files say. */
import { randomBytes, randomUUID } from "node:crypto";
import { type Directory, dag } from "@dagger.io/dagger";
import { repositoryOf } from "./delivery.js";
import { environment } from "./environments.js";
import { tagAfter } from "./evidence.js";
import { endingIn1, type GitRemote, gitClone, gitContainer, runGit, withAuthor } from "./git.js";
import { historyOf } from "./gitHistory.js";
import { gitServerContainer, startedGitServer } from "./gitServer.js";
import { switches } from "./switches.js";

const [dev, prod] = [environment("dev"), environment("prod")];

/** The tags of the release files, and how many commits changed them. */
export async function files(remote: GitRemote): Promise<Record<string, string>> {
  const found = [dev, prod].map(async ({ name, releaseFile }) => {
    const { commits } = await historyOf(remote, releaseFile);
    const tag = commits[0] && tagAfter(commits[0], releaseFile);
    return [name, `${tag} after ${commits.length} commits`] as const;
  });
  return Object.fromEntries(await Promise.all(found));
}

/** Refuses pushes, as a protected branch does: while the file is there those that change clusters/prod, or all to main. */
const HOOK = `#!/bin/sh
while read -r old new ref; do
  [ "$ref" = refs/heads/main ] || continue
  [ ! -e /switch/main ] || { echo "GH006: Protected branch update failed for $ref." >&2; exit 1; }
  [ -e /switch/prod ] || continue
  if git diff --name-only "$old" "$new" | grep -q ^clusters/prod/; then
    echo "GH006: Protected branch update failed for $ref." >&2
    exit 1
  fi
done
`;

/** A git server that can be told to protect its branch. */
export async function guarded(source: Directory) {
  const [at, { branch }] = await Promise.all([repositoryOf(source, dev), repositoryOf(source, prod)]);
  const place = { ...at, others: [branch] };
  const { mounted, set } = switches();
  const password = dag.setSecret(`git-password-${randomUUID()}`, randomBytes(24).toString("base64url"));
  const hook = `/srv/git${new URL(at.url).pathname.replace(/\/$/, "")}.git/hooks/pre-receive`;
  const service = mounted(gitServerContainer(source, { ...place, password }))
    .withNewFile(hook, HOOK, { permissions: 0o755 })
    .asService({ args: ["node", "/git/server.mjs"] });
  const git = await startedGitServer(service, { ...place, password });
  return {
    git,
    protect: (on: boolean) => set("prod", on),
    protectAll: () => set("main", true),
  };
}

/** Merges what somebody has written on a branch of their own, as GitHub does by default: by a commit that says nothing of it. */
export async function mergeByHand(
  remote: GitRemote,
  change: { file: string; to: string; message: string; from?: string },
) {
  const { file, to, message, from = "HEAD" } = change;
  const container = gitContainer(remote)
    .withEnvVariable("FILE", file)
    .withEnvVariable("TO", to)
    .withEnvVariable("MESSAGE", message)
    .withEnvVariable("FROM", from);
  const script = `${gitClone('--branch "$BRANCH"')} && cd /work && base=$(git rev-parse HEAD) &&
    git checkout --quiet -b theirs "$FROM" && sed -i -E "s/(tag: .?)v[0-9.]+/\\1$TO/" "$FILE" &&
    git commit --quiet --allow-empty --all --message "$MESSAGE" && theirs=$(git rev-parse HEAD)`;
  const merge =
    from === "HEAD"
      ? 'git checkout --quiet "$base" && git merge --quiet --no-ff --message "Merge pull request #7" "$theirs"'
      : 'git merge --quiet --message "Merge branch main" "$base"';
  const author = "Somebody <somebody@example.com>";
  await runGit(
    remote,
    withAuthor(container, author),
    endingIn1(`${script} && ${merge} && git push --quiet origin "HEAD:refs/heads/$BRANCH"`),
  );
}

/** Takes the newest commit off the branch, as somebody may who has the right to force a push. */
export async function takeOff(remote: GitRemote): Promise<void> {
  const push = 'git -C /work push --quiet --force origin "HEAD^:refs/heads/$BRANCH"';
  await runGit(remote, gitContainer(remote), endingIn1(`${gitClone('--branch "$BRANCH"')} && ${push}`));
}
