// Terraform, its linter, and its providers, which the provider registry would give otherwise.
import { debianBase, debianRoot } from "../debian.js";
import { type GoBuild, goArch, goBuild } from "../go.js";
import { type Blob, rootLayer } from "../images.js";
import { binaries, stamp } from "./parts.js";

export type Provider = {
  name: string;
  /** What `terraform init` takes it for: the release that the pinned commit belongs to. */
  version: string;
  /** The variable that holds its own version, where it has one. */
  variable?: string;
  /** Both as in GoBuild. */
  atOnce?: number;
  ownCache?: boolean;
};

/** The providers that are built here: hashicorp/<name>, each from the wrapper module provider-<name>. */
export const providers: Provider[] = [
  // No proxy serves releases: the commit is of the day before 6.48.0.
  {
    name: "aws",
    version: "6.48.0",
    variable: "github.com/hashicorp/terraform-provider-aws/version.ProviderVersion",
    // Some of its packages take several gigabytes of memory each.
    atOnce: 2,
    ownCache: true,
  },
  // No proxy serves 3.1.2: the commit is of 3.2.0, which adds a processor to build for.
  { name: "helm", version: "3.1.2", variable: "main.Version" },
  { name: "kubernetes", version: "3.2.1" },
];

const terraformBuild: GoBuild = {
  module: "terraform",
  ldflags: stamp({ "github.com/hashicorp/terraform/version.dev": "no" }),
  title: "build Terraform from Go modules",
};

const tflintBuild: GoBuild = { module: "tflint", title: "build TFLint from Go modules" };

export const terraform = () => goBuild(terraformBuild);

export const tflint = () => goBuild(tflintBuild);

export const terraformBuilds = [terraformBuild, tflintBuild];

const providerBuild = ({ name, version, variable, atOnce, ownCache }: Provider): GoBuild => ({
  module: `provider-${name}`,
  ldflags: stamp(variable ? { [variable]: version } : {}),
  atOnce,
  ownCache,
  title: `build Terraform's provider ${name} ${version} from Go modules`,
});

export const providerBuilds = providers.map(providerBuild);

export const provider = (one: Provider) => goBuild(providerBuild(one));

/** Where Terraform looks for providers without being told to: its "implied local mirror". */
export function providerPath({ name, version }: Provider): string {
  const platform = `linux_${goArch()}`;
  const folder = `/usr/local/share/terraform/plugins/registry.terraform.io/hashicorp/${name}/${version}/${platform}`;
  return `${folder}/terraform-provider-${name}_v${version}`;
}

/** The providers, each as a layer of its own. */
export async function providerLayers(): Promise<Blob[]> {
  const layers: Blob[] = [];
  for (const one of providers) {
    const name = `provider-${one.name}`;
    layers.push(await binaries(name, provider(one), { [providerPath(one)]: `terraform-${name}` }));
  }
  return layers;
}

/** git, which Terraform calls for modules from repositories. */
export async function terraformPackages(): Promise<Blob> {
  const root = await debianRoot("terraform", ["ca-certificates", "git"]);
  return await rootLayer("terraform-packages", { root, base: await debianBase() });
}
