// Whether the functions that need Terraform's providers can run here in a test's time: with the official engine they come
// from the provider registry; the embedded one builds them for half an hour, once, which is for `engine terraform`.
import { builtGroups } from "../../embedded/src/demand.js";
import { cacheFolder } from "../../wrapper/cache.js";
import { decide } from "../../wrapper/decide.js";
import { repository } from "./daggerw.js";

const say = (line: string) => console.error(line);
const { choice } = await decide({ root: repository, cache: cacheFolder(process.env), say });

export const terraformIsThere = () => {
  if (choice.cli !== "embedded" || builtGroups().includes("terraform")) return true;
  console.error("Skipped: Terraform's providers are not built. ./daggerw engine terraform builds them (30 minutes).");
  return false;
};
