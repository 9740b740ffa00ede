import { describeStateLock, findStateLock } from "./stateLock.js";

/** Where a Terraform command failed. */
export interface FailedCommand {
  /** What was done, as `plan`. */
  readonly command: string;
  /** The environment, or the stack's name where there is none. */
  readonly environment: string;
  readonly bucket?: string;
  readonly output: string;
}

interface Known {
  readonly pattern: RegExp;
  readonly advice: (failed: FailedCommand) => string;
}

/** An account has one provider for each issuer. */
const OTHERS_PROVIDER =
  "GitHub's OIDC provider may be somebody else's, too: an account has only one. It is then used, and left as it is, with " +
  "--vars provider_arn=arn:aws:iam::ACCOUNT:oidc-provider/token.actions.githubusercontent.com";

/** Failures that have a next step; the first that fits is told. */
const table: readonly Known[] = [
  {
    pattern: /S3 bucket "[^"]*" does not exist|NoSuchBucket/,
    advice: ({ bucket }) =>
      `There is no state bucket ${bucket}. An administrator makes it once per account: dagger call bootstrap`,
  },
  {
    pattern: /DynamoDB.{0,300}ResourceNotFoundException|ResourceNotFoundException.{0,300}Table/,
    advice: () =>
      "The DynamoDB table of the state's locks is missing. An administrator makes it again: dagger call bootstrap",
  },
  {
    pattern: /ExpiredToken|token included in the request is expired|security token[^.]*expired/i,
    advice: () => "The AWS session has expired. Log in again, and repeat the call.",
  },
  {
    pattern: /No valid credential sources|InvalidClientTokenId|UnrecognizedClientException|AuthFailure/,
    advice: () => "AWS does not accept the credentials.",
  },
  {
    pattern: /AccessDenied|is not authorized to perform|UnauthorizedOperation/,
    advice: () =>
      "The AWS role may not do this. The roles of CI are in terraform/modules/github-oidc; dagger call bootstrap applies a change of them.",
  },
  {
    pattern: /Saved plan is stale|plan file can no longer be applied/i,
    advice: ({ environment }) =>
      `The state has changed since this plan was made, so it was not applied. Make and review a new one: dagger call plan --env ${environment}`,
  },
  {
    pattern: /EntityAlreadyExists|BucketAlreadyOwnedByYou|AlreadyExistsException/,
    advice: ({ environment, output }) =>
      environment === "stacks/account"
        ? "Something of a bootstrap before is there. To take it over: dagger call bootstrap --vars adopt=true, with the other arguments as they were." +
          (/CreateOpenIDConnectProvider/.test(output) ? ` ${OTHERS_PROVIDER}` : "")
        : "Something of that name is there and in no state. Remove it, or take it over with terraform import.",
  },
  {
    pattern: /cannot (?:import|overwrite) (?:existing )?state with (?:serial|lineage)/i,
    advice: ({ environment }) =>
      `The bucket has another state of ${environment}, or a newer one, so nothing was written. Look whether this is the right file.`,
  },
  {
    pattern: /workspace "[^"]*" doesn't exist|Workspace "[^"]*" doesn't exist/,
    advice: ({ environment }) =>
      `Nothing has been planned or applied in ${environment} yet: its workspace doesn't exist. Begin with: dagger call plan --env ${environment}`,
  },
  {
    pattern:
      /Failed to query available provider packages|Failed to install provider|Could not retrieve the list of available versions/,
    advice: () =>
      "A provider could not be fetched. Check that the provider registry can be reached and that the version in versions.tf exists.",
  },
  {
    pattern: /Inconsistent dependency lock file/,
    advice: ({ environment }) =>
      `The providers are not the ones of the plan. Make a new plan: dagger call plan --env ${environment}`,
  },
  {
    // Charts are removed through a provider that waits for the access entries, of which a removed one waits for the charts.
    pattern: /Error: Cycle: /,
    advice: () =>
      "Terraform finds no order for these changes in one go, so nothing was changed. Make them one after the other: what concerns " +
      "the cluster and its access entries in one plan, charts that are removed (install_charts, modules) in another.",
  },
  {
    // A chart that is refused says "cluster unreachable", too.
    pattern: /client to provide credentials|Error: Unauthorized\b/,
    advice: ({ environment }) =>
      "The cluster's API does not accept who asks. Either there is no access entry for them (whoami says who it is, and how to get " +
      "a role's ARN; the entries are access_entries in terraform/main.tf), or the log-in's 15 minutes were over: then call it " +
      `again, which goes on where it stopped (an apply with a new plan: dagger call plan --env ${environment}).`,
  },
  {
    pattern: /Cluster unreachable|eks\.amazonaws\.com[^ ]* dial tcp [^ ]+:443: (?:i\/o timeout|connect)/i,
    advice: () =>
      "The cluster's API can't be reached from here: run on a runner in the VPC, or from a network that public_access_cidrs lets in. " +
      "(For a first apply also: --vars install_charts=false, which makes only the AWS side; all charts, Flux itself among them, are " +
      "then yours to install, and later that would remove them.)",
  },
];

/** An error that says what to do next, and then what Terraform said. */
export function explainTerraform(failed: FailedCommand): Error {
  const { command, environment } = failed;
  const said = diagnostics(failed.output);
  // A lock that could not be freed in the end has its data in the output, too.
  const lock = /acquiring the state lock/i.test(failed.output) ? findStateLock(failed.output) : undefined;
  if (lock) return new Error(describeStateLock(lock, environment));
  const known = table.find(({ pattern }) => pattern.test(said.replace(/\s+/g, " ")));
  const title = `terraform ${command} failed in ${environment}.`;
  return new Error([known ? `${title} ${known.advice(failed)}` : title, said].join("\n"));
}

/** Terraform's errors without its progress: from the first `Error:` on, without warnings. */
export function diagnostics(output: string): string {
  const blocks = output
    .replace(/^[╷│╵] ?/gm, "")
    .split(/^(?=(?:Error|Warning): )/m)
    .filter((block) => block.startsWith("Error: "));
  return (blocks.length > 0 ? blocks.join("") : output).trim();
}
