// What installs Flux, and what the throwaway node has in place of Terraform's part of EKS: of the images of the table (`npm run
// gitops-manifests` was run), and under EKS's names.
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { parseReference } from "../../embedded/src/images.js";
import { images } from "../../pipeline/src/images.js";

const local = "clusters/local";
const addons = readdirSync(`${local}/addons`).map((name) => `${local}/addons/${name}`);
const read = (path: string) => parseAllDocuments(readFileSync(path, "utf8")).map((one) => one.toJS());
const filesIn = (folder: string) => readdirSync(folder).filter((name) => name.endsWith(".yaml"));
const files = ["pipeline/gitops", local, ...addons].flatMap((folder) =>
  filesIn(folder).map((name) => `${folder}/${name}`),
);
const all = files.flatMap(read);
const find = (kind: string, name: string) =>
  all.find((object) => object.kind === kind && object.metadata.name === name);

const imagesIn = (objects: unknown[]) =>
  [...JSON.stringify(objects).matchAll(/"image":"([^"]+)"/g)].map(([, name]) => name);

test("every image in them is one of the table", () => {
  const found = imagesIn(all);
  expect(found.length).toBe(11);
  for (const image of found) expect(Object.values(images)).toContain(image);
});

test("Flux is whole, and of one release", () => {
  const objects = read("pipeline/gitops/flux.yaml");
  const deployments = objects.filter(({ kind }) => kind === "Deployment");
  expect(deployments.map(({ metadata }) => metadata.name).sort()).toEqual([
    "helm-controller",
    "kustomize-controller",
    "notification-controller",
    "source-controller",
  ]);
  const versions = objects.map(({ metadata }) => metadata.labels["app.kubernetes.io/version"]);
  expect(new Set(versions).size).toBe(1);
  const kinds = read("pipeline/gitops/flux-crds.yaml").map(({ spec }) => spec.names.kind);
  expect(kinds).toEqual(expect.arrayContaining(["GitRepository", "Kustomization", "HelmRelease", "Alert"]));
});

test("Flagger is the infrastructure's, chart and load tester", () => {
  const variables = readFileSync("terraform/modules/flagger/variables.tf", "utf8");
  const pinned = [...variables.matchAll(/^ {2}default +?= "(\d+\.\d+\.\d+)"/gm)].map(([, version]) => version);
  expect([images.flagger, images.flaggerLoadtester].map((name) => parseReference(name).tag)).toEqual(pinned);
});

test("the CRDs are apart from the objects that need them", () => {
  for (const name of files) {
    const crds = read(name).filter(({ kind }) => kind === "CustomResourceDefinition");
    expect(crds.length > 0, name).toBe(name.endsWith("-crds.yaml"));
  }
});

test.each([local, ...addons])("Flux applies every file of %s", (folder) => {
  const [{ resources }] = read(`${folder}/kustomization.yaml`);
  const others = filesIn(folder).filter((name) => name !== "kustomization.yaml");
  expect([...resources].sort()).toEqual(others.sort());
});

test("kube-router knows the node's addresses of Services", () => {
  const [, range] = /service_cidr=(\S+)/.exec(readFileSync("pipeline/node/common", "utf8")) ?? [];
  const [{ args }] = find("DaemonSet", "kube-router").spec.template.spec.containers;
  expect(args).toContain(`--service-cluster-ip-range=${range}`);
});

test("Gateway API is of the standard channel, and the version that Traefik is built with", () => {
  const module = readFileSync("embedded/go/traefik/go.mod", "utf8");
  const [, version] = /sigs\.k8s\.io\/gateway-api (\S+)/.exec(module) ?? [];
  const kinds = read(`${local}/addons/traefik/gateway-api-crds.yaml`);
  expect(kinds.map(({ spec }) => spec.names.kind)).toEqual(
    expect.arrayContaining(["GatewayClass", "Gateway", "HTTPRoute"]),
  );
  for (const { metadata } of kinds) {
    expect(metadata.annotations["gateway.networking.k8s.io/bundle-version"]).toBe(version);
    expect(metadata.annotations["gateway.networking.k8s.io/channel"]).toBe("standard");
  }
});

test("the Gateway is the one of the chart's example, and listens where Traefik does", () => {
  const [values] = read("appManifests/ci/canary-gateway-values.yaml");
  const [{ name, namespace }] = values.canary.gateway.refs;
  const { metadata, spec } = find("Gateway", name);
  expect(metadata.namespace).toBe(namespace);
  const [{ args, ports }] = find("Deployment", "traefik").spec.template.spec.containers;
  const [{ port }] = spec.listeners;
  expect(args).toContain(`--entryPoints.web.address=:${port}`);
  expect(ports).toContainEqual({ name: "web", containerPort: port });
});

test("Prometheus is where Terraform's is, and Flagger and the chart ask it there", () => {
  const module = readFileSync("terraform/modules/prometheus/main.tf", "utf8");
  const [release, namespace] = ["release", "namespace"].map(
    (name) => new RegExp(`^ +${name} += "(.+)"`, "m").exec(module)?.[1],
  );
  const service = find("Service", `${release}-prometheus`);
  expect(service.metadata.namespace).toBe(namespace);
  const address = `http://${release}-prometheus.${namespace}:${service.spec.ports[0].port}`;
  const [container] = find("Deployment", "flagger").spec.template.spec.containers;
  expect(container.command).toContain(`-metrics-server=${address}`);
  const [values] = read("appManifests/values.yaml");
  expect(values.canary.metrics.prometheusAddress).toBe(address);
});

test("Prometheus scrapes as often as dev's ServiceMonitor says", () => {
  const [{ spec }] = read("clusters/dev/release.yaml");
  const [{ global }] = read(`${local}/prometheus.yml`);
  expect(global.scrape_interval).toBe(spec.values.serviceMonitor.interval);
  expect(global.scrape_timeout).toBe(spec.values.serviceMonitor.scrapeTimeout);
});
