// Debian root file systems, made without touching the host and without installing anything on it: the host's own apt
// downloads and installs into a folder, keeps its state in the cache folder, and whatever has to be mounted for it is
// mounted in a mount namespace that ends with the command.
import { existsSync, readdirSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { cache } from "./cache.js";
import { $, systemPath } from "./shell.js";
import { built, locked } from "./steps.js";

/** kind's node image is made of this release too. */
export const debianRelease = "trixie";

/** Part of the roots' hash: change it when what this file does to a root changes. */
const recipeVersion = 1;

/**
 * A Debian root (minbase) with packages, complete and ready to be entered. All roots are copies of one base, so what they
 * have in common is the same file for file. Never change it: copy it, or mount something over it.
 */
export async function debianRoot(name: string, packages: string[]): Promise<string> {
  const base = await debianBase();
  const wanted = [...new Set(packages)].sort();
  const result = await built(
    `debian-${name}`,
    { values: [basename(dirname(base)), wanted, recipeVersion] },
    async (outDir, detail) => {
      const root = join(outDir, "root");
      await $({ quiet: true })`cp -a --reflink=auto ${base} ${root}`;
      await fill(root, outDir, async (apt) => {
        detail("downloading packages");
        await apt.run(["install", "--download-only", ...wanted]);
        detail("installing packages");
        await apt.runInNamespace(["apt-get", ...apt.options, "install", "--no-download", ...wanted]);
      });
    },
    { title: `make a Debian root for ${name}` },
  );
  return join(result, "root");
}

/** The minbase root that all others start from. */
export async function debianBase(): Promise<string> {
  const result = await built(
    "debian-base",
    { values: [debianRelease, recipeVersion] },
    async (outDir, detail) => {
      const root = join(outDir, "root");
      await mkdir(join(root, "var/lib/dpkg"), { recursive: true });
      for (const file of ["status", "available"]) await writeFile(join(root, "var/lib/dpkg", file), "");
      await fill(root, outDir, async (apt) => {
        detail("downloading packages");
        await apt.run(["install", "--download-only", "?essential", "apt"]);
        detail("installing packages");
        const packages = readdirSync(apt.archives).filter((file) => file.endsWith(".deb"));
        // base-files brings the links /bin → usr/bin and so on, which the other packages' files must find.
        packages.sort((a, b) => Number(b.startsWith("base-files_")) - Number(a.startsWith("base-files_")));
        for (const file of packages) {
          const archive = join(apt.archives, file);
          await $({ quiet: true })`dpkg-deb --fsys-tarfile ${archive} | tar -C ${root} -x --keep-directory-symlink`;
        }
        const exclusions = leftOut.map((path) => `path-exclude ${path}/*\n`).join("");
        await writeFile(join(root, "etc/dpkg/dpkg.cfg.d/slim"), exclusions);
        await writeFile(join(root, "etc/apt/sources.list"), `deb ${debianArchive()} ${debianRelease} main\n`);
        // Everything is unpacked already, so the order in which dpkg configures the packages doesn't matter.
        const install = "dpkg --force-depends --force-unsafe-io --install /var/cache/apt/archives/*.deb";
        await apt.runInNamespace(["chroot", root, "sh", "-c", install]);
      });
      for (const path of leftOut) await rm(join(root, path), { recursive: true, force: true });
    },
    { title: `make a Debian ${debianRelease} base` },
  );
  return join(result, "root");
}

/** What Debian's slim images leave out too. */
const leftOut = ["doc", "man", "info", "locale", "lintian"].map((name) => `/usr/share/${name}`);

type RootApt = {
  /** Options that make apt-get work on the root. */
  options: string[];
  /** Folder with the downloaded packages; /var/cache/apt/archives inside of the root. */
  archives: string;
  run(args: string[]): Promise<void>;
  /** Runs a command in a namespace where the root is ready to be entered. */
  runInNamespace(command: string[]): Promise<void>;
};

/** Lets work fill a root with apt and dpkg, then checks the result and removes what only they needed. */
async function fill(root: string, outDir: string, work: (apt: RootApt) => Promise<void>): Promise<void> {
  const archives = join(outDir, "archives");
  await mkdir(join(archives, "partial"), { recursive: true });
  await mkdir(join(root, "var/cache/apt/archives"), { recursive: true });
  const options = [
    ["Dir::State::status", join(root, "var/lib/dpkg/status")],
    ["Dir::State::extended_states", join(root, "var/lib/apt/extended_states")],
    ["Dir::Cache::archives", archives],
    ["DPkg::Chroot-Directory", root],
    ["DPkg::Options::", "--force-unsafe-io"],
    ["APT::Install-Recommends", "false"],
    ["APT::Get::Assume-Yes", "true"],
  ].flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  const policy = join(root, "usr/sbin/policy-rc.d");

  await locked("apt", async () => {
    const env = await aptEnvironment();
    const quiet = $({ quiet: true, env });
    await update(env);
    await work({
      options: [...options, "-o", `Dir::Cache::archives=${join(root, "var/cache/apt/archives")}`],
      archives,
      run: async (args) => {
        await quiet`apt-get ${options} ${args}`;
      },
      runInNamespace: async (command) => {
        await mkdir(dirname(policy), { recursive: true });
        await writeFile(policy, "#!/bin/sh\nexit 101\n", { mode: 0o755 }); // No package may start its service.
        await quiet`unshare --mount --propagation private --pid --fork --kill-child sh -euc ${enter} sh ${root} ${archives} ${command}`;
        await rm(policy);
      },
    });
  });

  const problems = (await $({ quiet: true })`dpkg --root=${root} --audit`).stdout.trim();
  if (problems) throw new Error(`The packages in ${root} are not fully installed:\n${problems}`);
  const leftovers = ["cache/apt", "cache/debconf", "cache/ldconfig", "log", "lib/apt/lists"];
  for (const path of leftovers) await rm(join(root, "var", path), { recursive: true, force: true });
  for (const path of ["log", "cache/apt/archives/partial", "lib/apt/lists/partial"]) {
    await mkdir(join(root, "var", path), { recursive: true });
  }
  await rm(archives, { recursive: true, force: true });
}

/** Fetches the package lists. An apt of a run that was killed may still be at it: it gets half a minute to end. */
async function update(env: NodeJS.ProcessEnv): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const { exitCode, stdout, stderr } = await $({ quiet: true, nothrow: true, env })`apt-get update --error-on=any`;
    if (exitCode === 0) return;
    const reasons = stdout.match(/^Err:.*(?:\n .*)*/gm) ?? []; // of an address without a name, it says nowhere else that nothing answers
    if (!/could not get lock/i.test(stderr) || attempt === 30) {
      throw new Error(
        `apt can't fetch Debian's package lists from ${debianArchive()}:\n${[...reasons, stderr.trim()].join("\n")}\n` +
          "If that is not the right archive, set DAGGERW_DEBIAN_ARCHIVE to the address of one.",
      );
    }
    await sleep(1000);
  }
}

/** Mounts what packages' scripts need inside of a root, for this mount namespace only, and runs a command. */
const enter = `
root=$1 archives=$2
shift 2
mount --bind "$archives" "$root/var/cache/apt/archives"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/dev"
for device in null zero full random urandom tty; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
exec "$@"
`;

/** An environment in which apt works with state of its own, and with the host's proxies, certificates and log-ins. */
export async function aptEnvironment(): Promise<NodeJS.ProcessEnv> {
  const dir = cache.apt;
  const folder = async (name: string) => {
    await mkdir(join(dir, name), { recursive: true });
    return join(dir, name);
  };
  const host = (await $({ quiet: true })`apt-config dump`).stdout.split("\n");
  const configuration = [
    ...host.filter((line) => /^Acquire::(https?|ftp|proxy|retries|check-)/i.test(line)),
    `Dir::State "${await folder("state")}";`,
    `Dir::State::lists "${await folder("lists")}";`,
    `Dir::Cache "${await folder("cache")}";`,
    `Dir::Cache::pkgcache "";`,
    `Dir::Cache::srcpkgcache "";`,
    `Dir::Log "${await folder("log")}";`,
    `Dir::Etc::sourcelist "${join(dir, "sources.list")}";`,
    `Dir::Etc::sourceparts "${await folder("empty")}";`,
    // The host's other settings, such as hooks that run after installations, are for the host.
    `Dir::Etc::parts "${await folder("empty")}";`,
    `Dir::Etc::main "/dev/null";`,
    `Dir::Etc::preferences "/dev/null";`,
    `Dir::Etc::preferencesparts "${await folder("empty")}";`,
    `APT::Sandbox::User "root";`,
    `Acquire::Languages "none";`,
    `Acquire::GzipIndexes "true";`,
  ];
  await mkdir(join(dir, "lists", "partial"), { recursive: true });
  await writeFile(join(dir, "apt.conf"), `${configuration.join("\n")}\n`);
  const source = `deb [signed-by=${debianKeyring()}] ${debianArchive()} ${debianRelease} main\n`;
  await writeFile(join(dir, "sources.list"), source);
  return {
    ...process.env,
    APT_CONFIG: join(dir, "apt.conf"),
    DEBIAN_FRONTEND: "noninteractive",
    LC_ALL: "C.UTF-8",
    PATH: systemPath(),
    // Packages' scripts run in the new root, which doesn't have the caller's folder.
    TMPDIR: "/tmp",
  };
}

/** The Debian archive that the host's apt uses, or DAGGERW_DEBIAN_ARCHIVE. */
export function debianArchive(): string {
  if (process.env.DAGGERW_DEBIAN_ARCHIVE) return process.env.DAGGERW_DEBIAN_ARCHIVE;
  const format = "$(SITE) $(ORIGIN)";
  const targets = $.sync({ quiet: true, nothrow: true })`apt-get indextargets --format ${format}`.stdout.split("\n");
  const archives = targets.map((line) => line.split(" ")).filter(([site = ""]) => /\/debian\/?$/.test(site));
  // Others have such addresses, too. Who the origin is, is known only where the lists have been fetched.
  const [archive] = archives.find(([, origin]) => origin === "Debian") ?? archives[0] ?? [];
  if (archive) return archive;
  throw new Error(
    "apt's sources on this host name no Debian archive (an address that ends with /debian). " +
      "Set DAGGERW_DEBIAN_ARCHIVE to the address of one.",
  );
}

/** The keys that Debian signs its archive with. */
export function debianKeyring(): string {
  const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
  if (existsSync(keyring)) return keyring;
  throw new Error(`${keyring} is missing: install the package debian-archive-keyring.`);
}
