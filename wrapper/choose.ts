// Which Dagger CLI and engine to use: a pure decision over facts.
import parse from "semver/functions/parse.js";
import { type Choice, type Facts, UserError } from "./types.js";

export function choose(facts: Facts): Choice {
  const { forced, runnerHost, containers, engineVersion } = facts;
  if (forced !== undefined && forced !== "embedded" && forced !== "official") {
    throw new UserError(
      `DAGGERW=${forced} means nothing: it can be "embedded" or "official", or be left unset for the automatic choice.`,
      2,
    );
  }

  if (forced === "embedded") {
    if (facts.embeddedObstacle) {
      throw new UserError(`DAGGERW=embedded can't be followed: ${facts.embeddedObstacle}.`);
    }
    const ignored = runnerHost ? ", _EXPERIMENTAL_DAGGER_RUNNER_HOST is ignored" : "";
    return {
      cli: "embedded",
      engine: "embedded",
      version: engineVersion,
      reason: `DAGGERW=embedded${ignored}`,
    };
  }

  if (runnerHost) {
    if (runnerHost.answers === false) {
      throw new UserError(
        `_EXPERIMENTAL_DAGGER_RUNNER_HOST is ${runnerHost.url}, and no engine answers there: ${runnerHost.problem}.\nStart that engine, correct the variable, or unset it to let daggerw find or provide an engine.`,
      );
    }
    return {
      ...officialCli(facts, "runner-host", `engine at ${runnerHost.url}`),
      ...(facts.embeddedObstacle || forced ? {} : { embeddedCliWillDo: true }),
    };
  }

  if (containers.answering) {
    return officialCli(facts, "containers", `${containers.answering} answers`);
  }

  const noContainers = describeSilence(facts);
  if (forced === "official") {
    throw new UserError(
      `DAGGERW=official can't be followed: the official engine needs Docker or the like, and ${noContainers}.\n${howToGetContainers(facts)}`,
    );
  }
  if (facts.embeddedObstacle) {
    throw new UserError(
      `There is no engine to run on: ${noContainers}, and ${facts.embeddedObstacle}.\n${howToGetContainers(facts)}`,
    );
  }
  return {
    cli: "embedded",
    engine: "embedded",
    version: engineVersion,
    reason: `${noContainers}; DAGGERW=official would force the official one`,
  };
}

/** The `dagger` on PATH if it fits, else the official one at the pinned version. */
function officialCli(facts: Facts, engine: Choice["engine"], because: string): Choice {
  const { dagger, engineVersion } = facts;
  if (dagger?.version && isCompatible(dagger.version, engineVersion)) {
    return { cli: "path", engine, path: dagger.path, version: dagger.version, reason: because };
  }
  const onPath = dagger
    ? `${dagger.path} is ${dagger.version ? `v${dagger.version}` : "of an unknown version"}, which doesn't fit v${engineVersion}`
    : "no dagger on PATH";
  return { cli: "official", engine, version: engineVersion, reason: `${because}; ${onPath}` };
}

/** The same minor version as the pinned one, not older, and not a pre-release. */
export function isCompatible(version: string, pinned: string): boolean {
  const [has, wants] = [parse(version), parse(pinned)];
  return (
    has !== null &&
    wants !== null &&
    has.prerelease.length === 0 &&
    has.major === wants.major &&
    has.minor === wants.minor &&
    has.compare(wants) >= 0
  );
}

/** The one line that tells the user what was chosen, and why. */
export function describe(choice: Choice, facts: Pick<Facts, "officialCached">): string {
  const what = {
    path: `${choice.path} v${choice.version}`,
    official: `official dagger v${choice.version}${facts.officialCached ? "" : ", to be downloaded"}`,
    embedded: `embedded engine v${choice.version}`,
  }[choice.cli];
  return `${what} (${choice.reason})`;
}

function describeSilence({ containers }: Facts): string {
  if (containers.silent.length === 0) return "no Docker or other container runtime is installed";
  const names = containers.silent.map(({ command }) => (command === "docker" ? "Docker" : command));
  const denied = containers.silent.find(({ problem }) => /permission denied/i.test(problem));
  if (denied) return `this user may not use the ${denied.command} daemon (permission denied)`;
  return `no ${names.join(" or ")} daemon answers`;
}

function howToGetContainers({ containers }: Facts): string {
  const details = containers.silent.map(({ command, problem }) => `  ${command}: ${problem}`);
  const denied = containers.silent.some(({ problem }) => /permission denied/i.test(problem));
  const advice = denied
    ? "Add yourself to the docker group (sudo usermod -aG docker $USER, then log in again), or run as a user who is in it."
    : containers.silent.length > 0
      ? "Start it (Docker Desktop, or: sudo systemctl start docker) and run again."
      : "Install Docker (https://docs.docker.com/get-docker/), Podman or nerdctl.";
  const others =
    "Or set _EXPERIMENTAL_DAGGER_RUNNER_HOST to an engine elsewhere, or run as root on Linux, where daggerw can make an engine itself.";
  return [...details, advice, others].join("\n");
}
