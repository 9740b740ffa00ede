// The registry mirror: every image of the pipeline's table under its public name, served on this host's loopback.
import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { type ImageName, images as table } from "../../pipeline/src/images.js";
import { cache, embeddedDir } from "./cache.js";
import { untilNobodyCalls } from "./calls.js";
import { builtGroups, groupBuilds } from "./demand.js";
import { goVersion } from "./go.js";
import { type Blob, type GroupName, parseReference, type Recipe, store } from "./images.js";
import { alive, endProcess, filesOf, readPid, untilItAnswers } from "./process.js";
import { commonBuilds, recipes } from "./recipes/index.js";
import { tools } from "./recipes/parts.js";
import { built, hashOf, type Inputs, locked, step } from "./steps.js";

const START_TIMEOUT_MS = 20_000;

/** The port that the mirror listens on: DAGGERW_MIRROR_PORT, else 5077. */
export function mirrorPort(env: NodeJS.ProcessEnv = process.env): number {
  const text = env.DAGGERW_MIRROR_PORT;
  if (!text) return 5077;
  const port = Number(text);
  if (Number.isInteger(port) && port > 0 && port < 65536) return port;
  throw new Error(`DAGGERW_MIRROR_PORT is not a port: ${text}`);
}

/** Where the mirror answers (plain http), and the registries that it stands for. */
export const mirror = () => ({
  address: `localhost:${mirrorPort()}`,
  registries: [...new Set(Object.values(table).map((reference) => parseReference(reference).registry))].sort(),
});

const from = (...names: string[]) => names.map((name) => join(embeddedDir, name));

/** The code that makes the images, as it was loaded: what is edited while it works is not what it works by. */
const code = hashOf({
  files: [
    ...from("src/recipes", "src/images.ts", "src/debian.ts", "src/go.ts", "src/node.ts", "src/python.ts"),
    ...from("src/engine.ts", "src/sdk.ts"), // the engine's own image
  ],
});

/** All that decides on the images' content, so that nothing else has to be looked at when nothing has changed. */
export function imageInputs(groups: GroupName[]): Inputs {
  const files = [
    ...from("python", "sdk"),
    join(embeddedDir, "..", "pipeline", "package-lock.json"),
    ...[...commonBuilds(), ...groupBuilds()].map(({ module }) => join(embeddedDir, "go", module)),
  ];
  return { files, values: [code, table, goVersion(), groups] };
}

/**
 * Makes the images, where that isn't done yet, and returns the folder that a registry can serve. With what is only built on
 * demand, if that has been built.
 */
export function images(): Promise<string> {
  const groups = builtGroups();
  return built(
    "registry",
    imageInputs(groups),
    async (outDir, detail) => {
      for (const [name, reference] of Object.entries(table)) {
        detail(reference);
        await storeVariants(outDir, reference, recipes[name as ImageName], groups);
      }
    },
    { title: "make the images" },
  );
}

/** Adds an image to a registry's folder, and before it the variant without its group, which calls that run may have begun with. */
export async function storeVariants(outDir: string, reference: string, recipe: Recipe, groups: GroupName[]) {
  for (const variant of recipe.demanded ? [[], groups] : [groups]) {
    const layers = await layersOf(recipe, variant);
    if (layers.length > 0) await store(outDir, reference, layers, recipe.config);
  }
}

/** The layers of an image, lowest first: none, if it is only made on demand and there was none. */
export async function layersOf({ layers, demanded }: Recipe, groups: GroupName[]): Promise<Blob[]> {
  const above = demanded && groups.includes(demanded.by) ? await demanded.layers() : [];
  return [...((await layers?.()) ?? []), ...above];
}

export const mirrorFiles = filesOf("mirror");

/** Makes the images and serves them; a mirror that already serves them is left alone. */
export async function startMirror(): Promise<ReturnType<typeof mirror>> {
  const storage = await images();
  await serve(storage, join(await tools(), "registry"));
  return mirror();
}

/** Has a registry's command serve a folder, once no call runs that may yet want images that go with the one that runs. */
export async function serve(storage: string, registry: string): Promise<void> {
  const stamp = JSON.stringify([storage, registry, mirrorPort()]);
  const serves = () =>
    runningMirror() && existsSync(mirrorFiles.stamp) && readFileSync(mirrorFiles.stamp, "utf8") === stamp;
  if (serves()) return;
  await locked("mirror", async () => {
    if (serves()) return; // Another process was first.
    if (runningMirror() && takesAway(storage))
      await untilNobodyCalls("the image registry is to be started anew, with other images");
    await stopMirror();
    await refuseBusyPort(mirrorPort());
    await step("start the registry mirror", async (detail) => {
      const pid = spawnRegistry(registry, storage);
      writeFileSync(mirrorFiles.pid, `${pid}`);
      await untilItAnswers({
        what: "The registry mirror",
        pid,
        log: mirrorFiles.log,
        answers,
        timeoutMs: START_TIMEOUT_MS,
        stop: stopMirror,
      });
      writeFileSync(mirrorFiles.stamp, stamp);
      detail(mirror().address);
    });
  });
}

/** Whether the mirror that runs serves what a folder does not have: one with more is there again in a moment. */
function takesAway(storage: string): boolean {
  const [serving = ""] = existsSync(mirrorFiles.stamp)
    ? (JSON.parse(readFileSync(mirrorFiles.stamp, "utf8")) as string[])
    : [];
  const there = new Set(imagesIn(storage));
  return imagesIn(serving).some((image) => !there.has(image));
}

/** The images in a registry's folder, by the paths of what their tags have named: a name may stay and get other content. */
function imagesIn(storage: string): string[] {
  const folder = join(storage, "docker/registry/v2/repositories");
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((path) =>
    /_manifests\/tags\/[^/]+\/index\/sha256\/[^/]+$/.test(path),
  );
}

/** The mirror's pid, if it runs. */
export function runningMirror(): number | undefined {
  const pid = readPid(mirrorFiles.pid);
  return pid && alive(pid, configFile()) ? pid : undefined;
}

export async function stopMirror(): Promise<void> {
  const pid = runningMirror();
  if (pid) await step("stop the registry mirror", () => endProcess(pid, 10_000));
  await rm(mirrorFiles.pid, { force: true });
  await rm(mirrorFiles.stamp, { force: true });
}

const configFile = () => join(cache.run, "mirror.json");

function spawnRegistry(registry: string, storage: string): number {
  const config = {
    version: "0.1",
    log: { level: "warn", accesslog: { disabled: true } },
    storage: {
      filesystem: { rootdirectory: storage },
      cache: { blobdescriptor: "inmemory" },
      maintenance: { readonly: { enabled: true } },
    },
    http: { addr: `127.0.0.1:${mirrorPort()}`, secret: "unused: nothing is uploaded" },
  };
  writeFileSync(configFile(), JSON.stringify(config, null, 2)); // JSON is YAML too.
  const log = openSync(mirrorFiles.log, "w");
  const child = spawn(registry, ["serve", configFile()], {
    detached: true,
    stdio: ["ignore", log, log],
    cwd: "/",
    env: { OTEL_TRACES_EXPORTER: "none" },
  });
  closeSync(log);
  child.on("error", () => {});
  child.unref();
  if (!child.pid) throw new Error(`The registry ${registry} could not be started.`);
  return child.pid;
}

const answers = () =>
  fetch(`http://127.0.0.1:${mirrorPort()}/v2/`).then(
    ({ ok }) => ok,
    () => false,
  );

async function refuseBusyPort(port: number) {
  const free = await new Promise<boolean>((done) => {
    const server = createServer();
    server.once("error", () => done(false));
    server.listen(port, "127.0.0.1", () => server.close(() => done(true)));
  });
  if (free) return;
  throw new Error(
    `Port ${port} on this host is taken by another process, and the registry mirror wants it. ` +
      "Set DAGGERW_MIRROR_PORT to a free port, or stop that process.",
  );
}
