// Whether the functions that need Terraform's providers can run here in a test's time: with the official engine they come
// from the provider registry; the embedded one builds them for half an hour, once, which is for `engine terraform`.
import { builtGroups } from "../../embedded/src/demand.js";
import { cacheFolder } from "../../wrapper/cache.js";
import { choose } from "../../wrapper/choose.js";
import { isCached } from "../../wrapper/official.js";
import { engineVersion, probe, thisHost } from "../../wrapper/probe.js";
import { repository } from "./daggerw.js";

const cached = isCached(cacheFolder(process.env), engineVersion(repository));
const { cli } = choose(await probe(thisHost(repository), cached));

export const terraformIsThere = () => {
  if (cli !== "embedded" || builtGroups().includes("terraform")) return true;
  console.error("Skipped: Terraform's providers are not built. ./daggerw engine terraform builds them (30 minutes).");
  return false;
};
