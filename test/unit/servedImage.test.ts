// Whether the pods that serve run the image that the registry has under their tag.
import { expect, it } from "vitest";
import { environment } from "../../pipeline/src/environments.js";
import type { V1Pod } from "../../pipeline/src/rollout.js";
import { requireServedImage } from "../../pipeline/src/servedImage.js";
import { canary, clusterOf, rolledOut } from "../fixtures/flux.js";
import { readyPod } from "../fixtures/kubernetes.js";

const digestOf = (letter: string) => `sha256:${letter.repeat(64)}`;
const [OLD, NEW] = [digestOf("a"), digestOf("b")];

function podWith(imageID: string, { tag = "v0.3.0", isEnding = false } = {}): V1Pod {
  const pod = readyPod("helloworld-primary-1", "set-primary");
  const [container] = pod.spec?.containers ?? [];
  if (container) container.image = `ghcr.io/damekarv/helloworld:${tag}`;
  const [status] = pod.status?.containerStatuses ?? [];
  if (status) status.imageID = imageID;
  return { ...pod, metadata: { ...pod.metadata, ...(isEnding && { deletionTimestamp: new Date() }) } };
}

/** The registry has the image of `a` under `d` too. */
const isSame = async (other: string) => other === digestOf("d");

const required = (...pods: V1Pod[]) =>
  requireServedImage(
    clusterOf(() => ({
      target: rolledOut("helloworld", "v0.3.0", { replicas: 0 }),
      primary: rolledOut("helloworld-primary", "v0.3.0"),
      canary: canary(),
      pods,
    })),
    { environment: environment("dev"), tag: "v0.3.0", digest: NEW, isSame },
  );
const image = (digest: string) => `ghcr.io/damekarv/helloworld@${digest}`;

it("passes what the registry has, and what no node got from a registry", async () => {
  await required(podWith(image(NEW)), podWith(`sha256:${"c".repeat(64)}`), podWith(""));
  await required();
});

it("refuses an image that was replaced under its tag while its pods ran, with both digests", async () => {
  await expect(required(podWith(image(NEW)), podWith(image(OLD)))).rejects.toThrow(
    new RegExp(
      `^dev runs v0\\.3\\.0 as ${OLD}, and the registry has ${NEW} now: .*prod's release file was not changed`,
    ),
  );
});

it("passes the same image under another digest, as an index that has other attestations", async () => {
  await required(podWith(image(digestOf("d"))));
});

it("passes a node that was given the image otherwise, and names it by that", async () => {
  await required(podWith(`docker.io/library/import-2026-11-28@${OLD}`));
});

it("refuses another digest also where the registry does not tell what is under it", async () => {
  const gone = {
    environment: environment("dev"),
    tag: "v0.3.0",
    digest: NEW,
    isSame: () => Promise.reject(new Error()),
  };
  const api = clusterOf(() => ({ target: rolledOut("helloworld", "v0.3.0"), pods: [podWith(image(OLD))] }));
  await expect(requireServedImage(api, gone)).rejects.toThrow("was replaced under its tag");
});

it("does not look at pods that end, or that have another tag", async () => {
  await required(podWith(image(OLD), { isEnding: true }), podWith(image(OLD), { tag: "v0.2.0" }));
});
