// Dagger's engine as an image, for clusters whose runners share it (clusters/optional/dagger-engine): made of the parts that the
// engine on this host is made of.
import { debianBase } from "../debian.js";
import { engineBinaries, engineRoot } from "../engine.js";
import { type Entry, keyOf, type Recipe, rootLayer, treeLayer } from "../images.js";
import { sdkContent } from "../sdk.js";
import { binaries, debianLayer } from "./parts.js";

const CONTENT = "/usr/local/share/dagger/content";

/** As the official one, which has the SDKs' digests in the image's settings. */
const entrypoint = `#!/bin/sh
set -e
if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
  # On cgroup v2 no process may be in a group that has child groups.
  mkdir -p /sys/fs/cgroup/init
  xargs -rn1 </sys/fs/cgroup/cgroup.procs >/sys/fs/cgroup/init/cgroup.procs || :
  sed -e 's/ / +/g' -e 's/^/+/' </sys/fs/cgroup/cgroup.controllers >/sys/fs/cgroup/cgroup.subtree_control
fi
ulimit -n 1048576 || echo "cannot increase open FDs with ulimit, ignoring"
DAGGER_TYPESCRIPT_SDK_MANIFEST_DIGEST=$(cat ${CONTENT}/digest)
export DAGGER_TYPESCRIPT_SDK_MANIFEST_DIGEST
exec tini -- /usr/local/bin/dagger-engine --config /etc/dagger/engine.toml "$@"
`;

const plugins = ["bridge", "firewall", "host-local", "loopback"];

const files: Record<string, Entry> = {
  "/usr/local/bin/dagger-entrypoint.sh": { text: entrypoint, mode: 0o755 },
  "/etc/dagger/engine.toml": { text: "" },
  "/etc/dagger/engine.json": { text: "{}\n" },
  "/usr/bin/buildctl": { link: "/usr/bin/dial-stdio" },
  "/usr/local/bin/tini": { link: "/usr/bin/tini" },
  "/usr/local/bin/runc": { link: "/usr/sbin/runc" },
  // Where the engine looks for them; Debian has them in sbin.
  "/usr/bin/xtables-legacy-multi": { link: "/usr/sbin/xtables-legacy-multi" },
  "/usr/bin/xtables-nft-multi": { link: "/usr/sbin/xtables-nft-multi" },
  ...Object.fromEntries(plugins.map((name) => [`/opt/cni/bin/${name}`, { link: `/usr/lib/cni/${name}` }])),
  "/usr/local/share/ca-certificates": { folder: 0o755 },
  "/var/lib/dagger": { folder: 0o755 },
};

export const daggerEngine: Recipe = {
  demanded: {
    by: "gitops",
    layers: async () => {
      const { content } = await sdkContent();
      return [
        await debianLayer(),
        await rootLayer("engine-packages", {
          root: await engineRoot(),
          base: await debianBase(),
          updatesAuthorities: true, // the engine calls it when it starts
        }),
        await binaries("engine", engineBinaries(), {
          "/usr/local/bin/dagger-engine": "engine",
          "/usr/local/bin/dagger-init": "init",
          "/usr/local/bin/dagger": "dagger",
          "/usr/bin/dial-stdio": "dialstdio",
          "/opt/cni/bin/dnsname": "dnsname",
        }),
        await treeLayer("engine-content", { values: [keyOf(content)] }, async () => ({ [CONTENT]: { copy: content } })),
        await treeLayer("engine-files", { values: [files] }, async () => files),
      ];
    },
  },
  config: {
    Entrypoint: ["dagger-entrypoint.sh"],
    Env: [
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      "_EXPERIMENTAL_DAGGER_RUNNER_HOST=unix:///run/dagger/engine.sock",
    ],
  },
};
