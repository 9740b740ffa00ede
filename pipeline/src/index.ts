/**
 * The pipeline of the helloworld platform: every step of its life as a function that runs the same on a laptop, in GitHub
 * Actions and on a host without internet.
 */
import { randomUUID } from "node:crypto";
import {
  argument,
  type Changeset,
  type Directory,
  dag,
  type File,
  func,
  object,
  type Secret,
  type Service,
} from "@dagger.io/dagger";
import { openSampleRegistry } from "./app.js";
import { type AwsAccess, type AwsSession, openAwsSession } from "./aws.js";
import { bootstrap } from "./bootstrap.js";
import { bump } from "./bump.js";
import { lintChart, renderChart } from "./chart.js";
import { check, checkInfra } from "./check.js";
import { ci } from "./ci.js";
import { keptCluster, keptKubeconfig, removeState } from "./cluster.js";
import { findClusterDrift, summarizeClusterDrift, withoutDrift } from "./clusterDrift.js";
import { checkProtection } from "./deletionProtection.js";
import { type Delivery, followedBy, type Published, promotionBranch, publishTag, remoteOf } from "./delivery.js";
import { deploy, prepareNamespace, refuseFlux, targetOf } from "./deployment.js";
import { eksKubeconfigOf } from "./eks.js";
import { endToEnd } from "./endToEnd.js";
import { environment, infrastructureOf, promotionTarget, REGION, withReleaseFile } from "./environments.js";
import { parseCommit, parseDigest, parseRun } from "./evidence.js";
import { checkPull, renewPullSecret } from "./ghcrSecret.js";
import { parseAuthor } from "./git.js";
import { promote } from "./promote.js";
import { recordProof } from "./promotionProof.js";
import { LOGIN_HOST } from "./pullSecret.js";
import type { AppRegistry } from "./registry.js";
import { imageRepository, releasedTag } from "./releaseFile.js";
import { toMarkdown } from "./report.js";
import { pushState, rescuedState } from "./rescue.js";
import { rollback } from "./rollback.js";
import { forceUnlock, readOutputs } from "./stateCommands.js";
import { parseLockId } from "./stateLock.js";
import { statusOf } from "./status.js";
import { runSteps } from "./steps.js";
import { parseTag } from "./tag.js";
import { settingsOf } from "./terraform.js";
import { applyPlan } from "./terraformApply.js";
import { formatTerraform, validateTerraform } from "./terraformChecks.js";
import { checkConfirmation, destroyEnvironment } from "./terraformDestroy.js";
import { failAsDrifted, findDrift } from "./terraformDrift.js";
import { makePlan, type TerraformRun, variableArguments } from "./terraformPlan.js";
import { testChart } from "./testChart.js";
import { testInfra } from "./testInfra.js";
import { parseTimeout } from "./timeout.js";
import { watchRegistry } from "./watchRegistry.js";
import { whoami } from "./whoami.js";

const log = (line: string) => console.log(line);

@object()
export class HelloworldInfrastructure {
  private source: Directory;
  private awsCredentials?: Secret;
  private awsProfile?: string;
  private awsRoleArn?: string;
  private awsWebIdentityToken?: Secret;
  private awsAccount?: string;

  /**
   * @param source the repository: chart, Flux objects, Terraform and workflows
   * @param awsCredentials who speaks to AWS: cmd:"aws configure export-credentials" (any profile, SSO too), or a credentials file
   * @param awsProfile which profile of a credentials file; default: default
   * @param awsRoleArn the role to assume with a web identity token, for two hours, or for one where the role allows no more
   * @param awsWebIdentityToken the OIDC token that proves who assumes the role
   * @param awsAccount the AWS account that it must be (12 digits); another one is refused
   */
  constructor(
    @argument({
      defaultPath: "/",
      ignore: [
        ".git",
        "**/node_modules",
        "**/*.tgz",
        "plan",
        "kubeconfig",
        "**/.terraform",
        "**/*.tfstate*",
        "**/*_override.tf",
        "**/*_override.tf.json",
        "**/*.tfplan",
      ],
    })
    source: Directory,
    awsCredentials?: Secret,
    awsProfile?: string,
    awsRoleArn?: string,
    awsWebIdentityToken?: Secret,
    awsAccount?: string,
  ) {
    this.source = source;
    this.awsCredentials = awsCredentials;
    this.awsProfile = awsProfile;
    this.awsRoleArn = awsRoleArn;
    this.awsWebIdentityToken = awsWebIdentityToken;
    this.awsAccount = awsAccount;
  }

  /**
   * All that a commit must pass, together: release files, chart lint, manifests against their schemas, workflows, shell scripts,
   * Terraform's format and lint. Reports every failure, not only the first.
   *
   * Returns the report in Markdown. Example: dagger call check
   */
  @func()
  async check(): Promise<string> {
    return toMarkdown(await check(this.source, log));
  }

  /**
   * Lints the chart strictly, with its default values, with each file of appManifests/ci and with the values of each
   * environment.
   *
   * Returns a line with the number of sets. Fails with every failure: which values, and Helm's words. Example: dagger call lint-chart
   */
  @func()
  async lintChart(): Promise<string> {
    return await lintChart(this.source);
  }

  /**
   * The manifests exactly as Flux would apply them in an environment.
   *
   * Returns a file, <env>.yaml. Fails with Helm's words when the chart does not render. Example: dagger call render --env prod contents
   * @param env local, dev or prod
   * @param tag the image's tag, as v0.2.0, instead of the one in the environment's release file
   */
  @func()
  async render(env: string, tag?: string): Promise<File> {
    return await renderChart(this.source, environment(env), givenTag(tag));
  }

  /**
   * Tests the chart on a throwaway Kubernetes node: install the released version, helm test, HTTP on port 8080, upgrade
   * under load, uninstall. Needs no cluster and takes less than a minute: made for a pre-commit hook.
   *
   * Returns the report in Markdown. Example: dagger call test-chart
   * @param tag what to upgrade to, as v0.2.0; default: new pods with the released tag
   * @param timeout how long to wait at most, in whole seconds: for the node (default: 90), for each rollout (300), for helm test and
   *   for uninstall (60)
   */
  @func({ cache: "never" })
  async testChart(tag?: string, timeout?: number): Promise<string> {
    const options = { tag: givenTag(tag), timeoutSeconds: parseTimeout(timeout), log };
    return toMarkdown(await testChart(this.source, options));
  }

  /**
   * Deploys a tag with Helm and waits until it is out; ends early with the cause when its pods can't come good. Refuses an
   * environment that Flux brings out from git: there `ci`, `promote` and `rollback` do.
   *
   * Returns the report in Markdown.
   *
   * Example: dagger call deploy --env dev --tag v0.2.0 --kubeconfig file:$HOME/.kube/config
   * @param env local, dev or prod; local is a cluster of your own, by a kubeconfig with an address that other machines reach
   * @param tag the image's tag, as v0.2.0; default: the one in the environment's release file
   * @param kubeconfig the cluster's kubeconfig, with a token rather than an exec plugin; default: EKS is asked, with the AWS credentials
   * @param registryUsername who pulls the image (makes ghcr-secret anew)
   * @param registryPassword a token that may read packages
   * @param timeout how long to wait at most until the tag is out, in whole seconds from Helm's upgrade on; default: 300, and 900
   *   where Flagger judges it, or what its steps take where that is more
   */
  @func({ cache: "never" })
  async deploy(
    env: string,
    tag?: string,
    kubeconfig?: Secret,
    registryUsername?: string,
    registryPassword?: Secret,
    timeout?: number,
  ): Promise<string> {
    const entry = environment(env);
    const timeoutSeconds = parseTimeout(timeout);
    const wanted = givenTag(tag) ?? (await releasedTag(this.source, entry));
    const { report } = await runSteps(
      { title: `deploy ${env} ${wanted}`, plan: [`deploy ${wanted}`], log },
      async (run) => {
        const deployment = {
          source: this.source,
          environment: entry,
          target: await targetOf(kubeconfig, entry, this.aws()),
          tag: wanted,
          timeoutSeconds,
          log,
        };
        await refuseFlux(deployment.target.api, entry);
        await prepareNamespace(deployment, registryOf(registryUsername, registryPassword));
        await run.step(`deploy ${wanted}`, async (note) => note(`${(await deploy(deployment)).replicas} replicas`));
      },
    );
    return toMarkdown(report);
  }

  /**
   * Checks a running application through a port-forward to port 8080: status, body, time, and that the given version answers.
   *
   * Returns a line, as "HTTP 200 from v0.2.0 in 37 ms on port 8080". Fails when /healthz, /readyz or / do not answer well, when /
   * takes more than 2 s, and when another version answers.
   *
   * Example: dagger call end-to-end --env dev --kubeconfig file:$HOME/.kube/config
   * @param env local, dev or prod; local is a cluster of your own, by a kubeconfig with an address that other machines reach
   * @param tag the version that must answer; default: the one in the environment's release file
   * @param kubeconfig the cluster's kubeconfig, with a token rather than an exec plugin; default: EKS is asked, with the AWS credentials
   */
  @func({ cache: "never" })
  async endToEnd(env: string, tag?: string, kubeconfig?: Secret): Promise<string> {
    const entry = environment(env);
    const wanted = givenTag(tag) ?? (await releasedTag(this.source, entry));
    return await endToEnd((await targetOf(kubeconfig, entry, this.aws())).api, entry, wanted, log);
  }

  /**
   * Shows how an environment stands, and changes nothing: the tag in the release file of your checkout (pull first) and the one
   * that serves, each step from git to the pods (Flux, Flagger), restarts, the last deploy, drift, and what to look at first when
   * something is wrong.
   *
   * Returns a Markdown table.
   *
   * Example: dagger call status --env dev --kubeconfig file:$HOME/.kube/config
   * @param env local, dev or prod; local is a cluster of your own, by a kubeconfig with an address that other machines reach
   * @param kubeconfig the cluster's kubeconfig, with a token rather than an exec plugin; default: EKS is asked, with the AWS credentials
   */
  @func({ cache: "never" })
  async status(env: string, kubeconfig?: Secret): Promise<string> {
    const entry = environment(env);
    const [tag, promotedTo] = await Promise.all([releasedTag(this.source, entry), promotionBranch(this.source, entry)]);
    const { api } = await targetOf(kubeconfig, entry, this.aws());
    return await statusOf(api, { environment: entry, tag, promotedTo });
  }

  /**
   * Says what on an environment's cluster is not as git says, and changes nothing: each object that Flux applies, or that Helm
   * released for it, with every field that differs, also what was added by hand. What a HelmRelease ignores and what Flagger
   * and autoscalers set is no drift, and what a Secret holds is not shown. Git is the commit that Flux has fetched: `status`
   * names it. Exit code, as `drift`'s: 0 nothing, 2 drift, 1 an error.
   *
   * Returns what was compared. Fails with a Markdown table when something differs, and with the cause when the cluster does not
   * answer, has no Flux, or does not allow to read Helm's Secrets or to try an apply (a role that may only read is not enough).
   *
   * Example: dagger call cluster-drift --env dev --kubeconfig file:$HOME/.kube/config
   * @param env local, dev or prod; local is a cluster of your own, by a kubeconfig with an address that other machines reach
   * @param kubeconfig the cluster's kubeconfig, with a token rather than an exec plugin; default: EKS is asked, with the AWS credentials
   */
  @func({ cache: "never" })
  async clusterDrift(env: string, kubeconfig?: Secret): Promise<string> {
    const entry = environment(env);
    const drift = await findClusterDrift((await targetOf(kubeconfig, entry, this.aws())).api, entry);
    const report = summarizeClusterDrift(drift, entry.name);
    if (report) await failAsDrifted(report);
    return withoutDrift(drift, entry.name);
  }

  /**
   * The whole CI: check, deploy, upgrade under load, end to end, and the change of prod's release file. `local` runs it on a
   * throwaway Kubernetes node with the sample application of test/app, or with the real image when a registry's log-in is
   * given; dev runs it on its cluster.
   *
   * Where Flux follows git, and on `local`, a tag is a commit to the environment's release file: Flux and Flagger bring it out,
   * and one that fails is taken back by another commit. With --git-token prod's release file is changed by a commit too, which
   * holds the proof for `promote`. Without it nothing is written, and `bump` applies the proposed change. Run again after it
   * was cancelled, it goes on with what is there.
   *
   * Returns the report and the change of prod's release file in Markdown. Fails with every cause, and leaves prod's file alone,
   * when a step fails.
   *
   * Example: dagger call ci --env local --tag v0.2.0
   * Example: dagger call ci --env dev --tag v0.2.0 --kubeconfig file:kubeconfig --git-token cmd:"gh auth token"
   * @param env local or dev; prod where there is no Flux
   * @param tag the image's tag to test, as v0.2.0
   * @param kubeconfig the cluster's kubeconfig (dev, prod), with a token rather than an exec plugin; default: EKS is asked, with
   *   the AWS credentials
   * @param registryUsername who pulls the image
   * @param registryPassword a token that may read packages, as GHCR_PAT
   * @param gitToken a token that may write the repository's contents; the repository is the one of clusters/dev/gitrepository.yaml
   * @param gitUsername the account of the token, where it is not GitHub's
   * @param gitAuthor who makes the commits, as "Name <address>"; default: the pipeline
   * @param runId what the commits call this run, as its address in GitHub Actions
   * @param pullRequest opens a pull request for prod's change where the branch is protected; dev's tag, for which ci waits on the
   *   cluster, must be pushed
   * @param timeout how long to wait at most until a tag is out, in whole seconds from its commit on; also for one that is taken back,
   *   and on a node of its own for the node and for Flux. Default: 300 and what Flagger's analysis can take by release.yaml (dev: 490
   *   together); as `deploy` where there is no Flux; node 90, Flux 120
   */
  @func({ cache: "never" })
  async ci(
    env: string,
    tag: string,
    kubeconfig?: Secret,
    registryUsername?: string,
    registryPassword?: Secret,
    gitToken?: Secret,
    gitUsername = "x-access-token",
    gitAuthor?: string,
    runId?: string,
    pullRequest = false,
    timeout?: number,
  ): Promise<string> {
    const entry = environment(env);
    const timeoutSeconds = parseTimeout(timeout); // bad input is refused before anything starts
    const { report, changes, published } = await ci({
      source: this.source,
      environment: entry,
      tag: parseTag(tag),
      kubeconfig,
      aws: this.aws(),
      registry: registryOf(registryUsername, registryPassword),
      delivery: await this.delivery({ gitToken, gitUsername, gitAuthor, runId, pullRequest }),
      timeoutSeconds,
      log,
    });
    return `${toMarkdown(report)}\n${published ? announcement(published, tag) : await proposal(changes, tag)}`;
  }

  /**
   * Sets the image's tag in an environment's release file, and changes nothing else in it: comments, quotes, order and line
   * ends stay. The CLI shows the change and asks before it applies it.
   *
   * With --git-token it commits the change to the repository that Flux follows instead, and leaves the working tree alone: so a
   * `ci` is finished whose last push failed. A file that has the tag already gets no
   * commit, unless a proof is given and there is none yet.
   *
   * Returns the change set; with --git-token an empty one.
   *
   * Example: dagger call bump --env prod --tag v0.2.0
   * Example: dagger call bump --env prod --tag v0.2.0 --passed-on dev --image-digest sha256:… --git-token env:GITHUB_TOKEN
   * @param env dev or prod
   * @param tag the new tag, as v0.2.0
   * @param passedOn the environment on which `ci` passed with this tag, as its report says: without it, `promote` refuses the tag
   * @param imageDigest the digest of the image that passed, as the same report has it
   * @param gitToken a token that may write the repository's contents
   * @param gitUsername the account of the token, where it is not GitHub's
   * @param gitAuthor who makes the commit, as "Name <address>"; default: the pipeline
   * @param runId the run in which the tag passed
   * @param pullRequest opens a pull request where the branch is protected
   */
  @func({ cache: "never" })
  async bump(
    env: string,
    tag: string,
    passedOn?: string,
    imageDigest?: string,
    gitToken?: Secret,
    gitUsername = "x-access-token",
    gitAuthor?: string,
    runId?: string,
    pullRequest = false,
  ): Promise<Changeset> {
    const entry = withReleaseFile(env);
    const delivery = await this.delivery({ gitToken, gitUsername, gitAuthor, runId, pullRequest });
    if (!delivery && (passedOn ?? imageDigest) !== undefined)
      throw new Error(
        "--passed-on and --image-digest are recorded by a commit, and there is none without --git-token. Nothing was changed. " +
          "Next: the same call with --git-token of a token that may write the repository's contents.",
      );
    if (!delivery) return await bump(this.source, entry, tag);
    if ((passedOn === undefined) !== (imageDigest === undefined))
      throw new Error("--passed-on and --image-digest go together: which image passed, and where.");
    const passed = passedOn && environment(passedOn).name;
    const proof = { ...(passed && { passed }), ...(imageDigest && { digest: parseDigest(imageDigest) }) };
    const note = { tag: parseTag(tag), ...proof };
    const set = await publishTag(delivery, entry, note, log);
    if (!set.changed && !set.pullRequest) await recordProof(delivery, entry, note, log);
    return this.source.changes(this.source);
  }

  /**
   * Brings the tag of prod's release file in git out: sees that it passed `ci` on dev and that its image is still the same, shows
   * what prod would get, applies Terraform (with AWS credentials), merges main into the branch that prod follows
   * (clusters/prod/gitrepository.yaml), waits until Flux and Flagger have the release out, and checks it end to end. No version,
   * chart or values of main reach prod before, only Terraform's changes: a plan that would lose something stateful is refused, and
   * left to `plan` and `apply`. On a failure it says what prod serves, and how to go back.
   *
   * `local` tries it without prod: on a throwaway node that follows clusters/prod on a git server of the run.
   *
   * Returns the report in Markdown, with the way of the release as a chart.
   *
   * Example: dagger call --aws-credentials cmd:"aws configure export-credentials" promote --git-token cmd:"gh auth token" --dry-run
   * Example: dagger call promote --env local --tag v0.2.0
   * @param env prod or local
   * @param tag on prod the tag that git must have, as v0.2.0, and that may have been taken back before; on local the one to try;
   *   default: the one in the release file
   * @param kubeconfig the cluster's kubeconfig, with a token rather than an exec plugin; default: EKS is asked, with the AWS credentials
   * @param dryRun only shows what prod would get: tag, chart, commits, Terraform's plan
   * @param registryUsername who asks the registry for the image
   * @param registryPassword a token that may read packages, as GHCR_PAT
   * @param gitToken a token that may write the repository's contents; with --dry-run one that may read them
   * @param gitUsername the account of the token, where it is not GitHub's
   * @param gitAuthor who makes the merge, as "Name <address>"; default: the pipeline
   * @param runId what the merge calls this run
   * @param vars more Terraform variables, as they were applied; lists and objects only by --var-file
   * @param varFile more Terraform variables, as a .tfvars file
   * @param ghcrToken a token with read:packages, when Terraform makes or renews ghcr-secret
   * @param commit the commit of main to promote, as the one that its reviewers have seen; default: the newest
   * @param timeout how long to wait at most until the tag is out, in whole seconds from the merge on; default: 300 and what Flagger's
   *   analysis can take by release.yaml (prod: 960 together). On local also for the node (default: 90) and for Flux (120)
   */
  @func({ cache: "never" })
  async promote(
    env = "prod",
    tag?: string,
    kubeconfig?: Secret,
    dryRun = false,
    registryUsername?: string,
    registryPassword?: Secret,
    gitToken?: Secret,
    gitUsername = "x-access-token",
    gitAuthor?: string,
    runId?: string,
    vars: string[] = [],
    varFile?: File,
    ghcrToken?: Secret,
    commit?: string,
    timeout?: number,
  ): Promise<string> {
    const entry = promotionTarget(env);
    const timeoutSeconds = parseTimeout(timeout);
    const wanted = commit === undefined ? undefined : parseCommit(commit);
    variableArguments({ environment: entry, vars }); // bad input is refused before anything starts
    const report = await promote({
      source: this.source,
      environment: entry,
      tag: givenTag(tag),
      commit: wanted,
      kubeconfig,
      aws: this.aws(),
      delivery: await this.delivery({ gitToken, gitUsername, gitAuthor, runId }),
      registry: registryOf(registryUsername, registryPassword),
      terraform: { vars, varFile, ghcrToken },
      dryRun,
      timeoutSeconds,
      log,
    });
    return toMarkdown(report);
  }

  /**
   * Takes an environment back to the tag before, by a commit to its release file on the branch that it follows, and waits until
   * that tag is out when it is told of a cluster. A tag that was taken back before is passed over. On prod all else stays as it was
   * promoted, and main keeps its tag: `promote` refuses that one from then on. Called again while the tag is on its way, it waits for
   * that one; without a cluster to look at, each call goes back one more.
   *
   * Returns the report in Markdown.
   *
   * Example: dagger call rollback --env prod --git-token cmd:"gh auth token" --kubeconfig file:kubeconfig
   * @param env prod or dev
   * @param gitToken a token that may write the repository's contents
   * @param tag where to go back to, when it is not the tag before: one that the release file has had
   * @param kubeconfig the cluster's kubeconfig, with a token rather than an exec plugin; default: EKS is asked where there are AWS
   *   credentials, and with neither nothing is waited for
   * @param gitUsername the account of the token, where it is not GitHub's
   * @param gitAuthor who makes the commit, as "Name <address>"; default: the pipeline
   * @param runId what the commit calls this run
   * @param pullRequest opens a pull request where the branch is protected
   * @param timeout how long to wait at most until the tag is out, in whole seconds from the commit on; default: 300 and what Flagger's
   *   analysis can take by release.yaml
   */
  @func({ cache: "never" })
  async rollback(
    env: string,
    gitToken: Secret,
    tag?: string,
    kubeconfig?: Secret,
    gitUsername = "x-access-token",
    gitAuthor?: string,
    runId?: string,
    pullRequest = false,
    timeout?: number,
  ): Promise<string> {
    const entry = infrastructureOf(env);
    const wanted = givenTag(tag);
    const timeoutSeconds = parseTimeout(timeout);
    const given = await this.delivery({ gitToken, gitUsername, gitAuthor, runId, pullRequest });
    if (!given) throw new Error("rollback needs --git-token.");
    const delivery = { ...given, remote: await followedBy(this.source, entry, given.remote) };
    const aws = this.aws();
    const cluster = kubeconfig || aws ? () => targetOf(kubeconfig, entry, aws) : undefined;
    const options = { source: this.source, environment: entry, delivery, tag: wanted, cluster, timeoutSeconds, log };
    return toMarkdown(await rollback(options));
  }

  /**
   * A throwaway Kubernetes cluster to keep for a while; it can pull the sample application. Leave it running in one terminal,
   * and get its kubeconfig in another:
   *
   *   dagger call cluster up --ports 6443:6443
   *   dagger call -s kubeconfig plaintext > ../kubeconfig
   *
   * With a name it may be ended and started again, also after the engine was: it goes on with its objects, images and volumes.
   *
   *   dagger call cluster --name mine up --ports 6443:6443
   *
   * Returns the service, with the Kubernetes API on port 6443.
   *
   * @param name under which what it has is kept on this engine, until `remove-cluster`
   */
  @func({ cache: "never" })
  async cluster(name?: string): Promise<Service> {
    const local = environment("local");
    const [repository, released] = await Promise.all([
      imageRepository(this.source, local),
      releasedTag(this.source, local),
    ]);
    return await keptCluster(await openSampleRegistry(this.source, repository, [released]), name);
  }

  /**
   * Removes what a cluster with a name has kept. Refuses it while the cluster runs.
   *
   * Returns a line: that it is removed, or that there was none.
   *
   * Example: dagger call remove-cluster --name mine
   * @param name as it was given to `cluster`
   */
  @func({ cache: "never" })
  async removeCluster(name: string): Promise<string> {
    return (await removeState(name)) ? `The cluster ${name} is removed.\n` : `There is no cluster ${name} here.\n`;
  }

  /**
   * The administrator's kubeconfig of the cluster that `cluster` started last; leads to 127.0.0.1:6443. Or the one of an
   * environment's EKS cluster, with a token that holds for 15 minutes and is made without the aws command.
   *
   * Returns a secret. Fails when no cluster has been started here, or EKS has none of that name.
   *
   * Example: dagger call kubeconfig plaintext > ../kubeconfig
   * Example: dagger call --aws-credentials cmd:"aws configure export-credentials" kubeconfig --env dev plaintext > ../kubeconfig
   * @param env dev or prod; default: the cluster that `cluster` started
   */
  @func({ cache: "never" })
  async kubeconfig(env?: string): Promise<Secret> {
    const entry = env === undefined ? undefined : infrastructureOf(env);
    const text = entry ? await eksKubeconfigOf(await this.session(), entry) : await keptKubeconfig();
    return dag.setSecret(`kubeconfig-${randomUUID()}`, text);
  }

  /**
   * Who the AWS credentials are, as AWS sees it: account, role or user, ARN, when they end, region; of a role also the command
   * that tells its own ARN, which an access entry names. Changes nothing.
   *
   * Returns a table in Markdown. Example: dagger call --aws-credentials cmd:"aws configure export-credentials" whoami
   */
  @func({ cache: "never" })
  async whoami(): Promise<string> {
    return whoami(await this.session());
  }

  /**
   * The newest version of the image in its registry that an environment does not run yet, or nothing: an empty text, and exit
   * code 0. Pre-releases, other tags and versions before the one in the environment's release file are passed over; the
   * progress says which and why. So a tag is given until it is released, and never after that.
   *
   * Example: dagger call -s watch-registry --registry-username me --registry-password env:GHCR_PAT
   * @param env dev or prod
   * @param except tags that are not to be given, such as one that has failed; besides those of the release file's annotation
   *   helloworld-infrastructure/except-tags
   * @param registryUsername who asks the registry; a public image needs nobody
   * @param registryPassword a token that may read packages, as GHCR_PAT
   * @param gitToken a token that may read the repository's contents: then its release file counts and not the one of your checkout, and
   *   tags are passed over too that the environment has had before, and that were taken back
   * @param gitUsername the account of the token, where it is not GitHub's
   */
  @func({ cache: "never" })
  async watchRegistry(
    env = "dev",
    except: string[] = [],
    registryUsername?: string,
    registryPassword?: Secret,
    gitToken?: Secret,
    gitUsername = "x-access-token",
  ): Promise<string> {
    const entry = infrastructureOf(env);
    const known = except.map((tag) => parseTag(tag));
    const registry = registryOf(registryUsername, registryPassword);
    const delivery = await this.delivery({ gitToken, gitUsername });
    return await watchRegistry(this.source, entry, known, registry, log, delivery?.remote);
  }

  /**
   * Makes or renews `ghcr-secret`, with which an environment's nodes pull the image, after it has been seen that the token can
   * pull the image of the environment's release file.
   *
   * Returns a line. Fails, and changes nothing, when the token can't pull, or when External Secrets makes the secret.
   *
   * Example: dagger call ghcr-secret --env dev --registry-username me --registry-password env:GHCR_PAT --kubeconfig file:kubeconfig
   * @param env dev or prod
   * @param registryUsername the account that the token belongs to
   * @param registryPassword a token that may read packages, as GHCR_PAT
   * @param kubeconfig the cluster's kubeconfig, with a token rather than an exec plugin; default: EKS is asked, with the AWS credentials
   */
  @func({ cache: "never" })
  async ghcrSecret(
    env: string,
    registryUsername: string,
    registryPassword: Secret,
    kubeconfig?: Secret,
  ): Promise<string> {
    const environment = infrastructureOf(env);
    const access = { source: this.source, environment, registry: appRegistry(registryUsername, registryPassword) };
    const image = await checkPull(access);
    const target = await targetOf(kubeconfig, environment, this.aws());
    return `${await renewPullSecret(access, target)} in ${env}; its token can pull ${image}\n`;
  }

  /**
   * Plans an environment's infrastructure, and changes nothing. Gives a folder, which `apply` takes as a whole: plan.tfplan (holds
   * secret values), about.json (environment, account, hashes of the Terraform code and of the plan file), plan.json (without secret
   * values) and summary.md, which is printed too: what is created, changed, replaced and destroyed, by module, with a warning for
   * each stateful thing that would be lost.
   *
   * Example: dagger call --aws-credentials cmd:"aws configure export-credentials" plan --env dev export --path plan
   * @param env dev or prod
   * @param vars more Terraform variables, as install_charts=false; lists and objects only by --var-file: the CLI splits this at commas
   * @param varFile more Terraform variables, as a .tfvars file
   * @param destroy plan to remove everything; refused while the cluster's deletion protection is on
   * @param ghcrToken a token with read:packages, when ghcr-secret is made or renewed
   */
  @func({ cache: "never" })
  async plan(env: string, vars?: string[], varFile?: File, destroy = false, ghcrToken?: Secret): Promise<Directory> {
    const run = { ...(await this.terraform(env, vars, varFile)), ghcrToken };
    const { folder, json } = await makePlan(run, { destroy });
    if (destroy) checkProtection(json, run.environment);
    return folder;
  }

  /**
   * Applies exactly a plan that was made and reviewed before. Refuses it when it is of another environment, account or state
   * of the Terraform code, when the state has changed since, or when it replaces a cluster whose deletion protection is on. What an
   * apply that fails has made is in the state; one that its bucket refuses is kept for `rescued-state`.
   *
   * Returns what was applied, in Markdown.
   *
   * Example: dagger call --aws-credentials cmd:"aws configure export-credentials" apply --env dev --plan plan
   * @param env dev or prod
   * @param plan the folder that `plan` exported
   * @param ghcrToken a token with read:packages, as it was given to `plan`: the plan does not hold it
   */
  @func({ cache: "never" })
  async apply(env: string, plan: Directory, ghcrToken?: Secret): Promise<string> {
    const run = { source: this.source, environment: infrastructureOf(env), vars: [], ghcrToken, log };
    return await applyPlan(run, plan, () => this.session());
  }

  /**
   * Removes all of an environment, in an order that leaves nothing behind: load balancers and instances that the cluster's
   * controllers made first, while they still run, then controllers, nodes, cluster, network. Refused while deletion protection is
   * on (prod): apply a plan with `--vars deletion_protection=false` before, and give the same to `destroy`.
   *
   * Returns the report in Markdown.
   *
   * Example: dagger call --aws-credentials cmd:"aws configure export-credentials" destroy --env dev
   * @param env dev or prod
   * @param confirm the environment's name once more; prod demands it
   * @param vars more Terraform variables, as they were applied; lists and objects only by --var-file
   * @param varFile more Terraform variables, as a .tfvars file
   */
  @func({ cache: "never" })
  async destroy(env: string, confirm?: string, vars?: string[], varFile?: File): Promise<string> {
    checkConfirmation(infrastructureOf(env), confirm);
    return await destroyEnvironment(await this.terraform(env, vars, varFile));
  }

  /**
   * Says what in AWS differs from what Terraform left there, and changes nothing. Exit code, as Terraform's: 0 nothing, 2 drift,
   * 1 an error.
   *
   * Returns a line when there is none. Fails with what differs, in Markdown.
   *
   * Example: dagger call --aws-credentials cmd:"aws configure export-credentials" drift --env prod
   * @param env dev or prod
   * @param vars more Terraform variables, as they were applied; lists and objects only by --var-file
   * @param varFile more Terraform variables, as a .tfvars file
   */
  @func({ cache: "never" })
  async drift(env: string, vars?: string[], varFile?: File): Promise<string> {
    const report = await findDrift(await this.terraform(env, vars, varFile));
    if (report) await failAsDrifted(report);
    return `No drift: AWS is as Terraform left ${env}.\n`;
  }

  /**
   * The outputs of an environment's infrastructure as JSON, without sensitive ones; or one of them as it is. Fails with the names that
   * there are, when there is none of that name.
   *
   * Example: dagger call --aws-credentials cmd:"aws configure export-credentials" outputs --env dev --name cluster_name
   * @param env dev or prod
   * @param name one output
   */
  @func({ cache: "never" })
  async outputs(env: string, name?: string): Promise<string> {
    return await readOutputs(await this.terraform(env), name);
  }

  /**
   * Frees the lock of an environment's state that a dead run left behind. Nothing does this by itself: see first that the
   * owner, which the failed call named, no longer works.
   *
   * Returns a line. Fails when the state is not locked, or by another id.
   *
   * Example: dagger call --aws-credentials cmd:"aws configure export-credentials" force-unlock --env dev --lock-id 6f0d2c3e-1b7a-4c55-9a3e-0f7d7f2b9c11
   * @param env dev or prod
   * @param lockId the lock's id, a UUID
   */
  @func({ cache: "never" })
  async forceUnlock(env: string, lockId: string): Promise<string> {
    const id = parseLockId(lockId);
    return await forceUnlock(await this.terraform(env), id);
  }

  /**
   * The state that the last failed apply could not write to its bucket; fails when there is none on this engine. `push-state` puts it
   * back. The progress names the older ones that it has replaced, which are kept too.
   *
   * Example: dagger call rescued-state --env dev export --path errored.tfstate
   * @param env dev or prod
   * @param older an older one instead, by its number, as the progress names it
   */
  @func({ cache: "never" })
  async rescuedState(env: string, older?: string): Promise<File> {
    return await rescuedState(infrastructureOf(env), { account: this.awsAccount, older, log });
  }

  /**
   * Puts a rescued state into its bucket. Refuses one of another environment, and one that is older than what is there.
   *
   * Example: dagger call --aws-credentials cmd:"aws configure export-credentials" push-state --env dev --state errored.tfstate
   * @param env dev or prod
   * @param state the file that `rescued-state` exported
   */
  @func({ cache: "never" })
  async pushState(env: string, state: File): Promise<string> {
    return await pushState(await this.terraform(env), state);
  }

  /**
   * Prepares an AWS account, once, by an administrator: the bucket of Terraform's states, the table of their locks, and the
   * roles of CI (OIDC). Run again, it applies what has changed in terraform/stacks/account, with the same variables: what is not given
   * becomes the default again.
   *
   * Returns what was applied, and the commands that tell GitHub of CI's roles, in Markdown.
   *
   * Example: dagger call --aws-credentials cmd:"aws configure export-credentials" bootstrap --vars github_organization=my-organization
   * @param vars Terraform variables of the stack, as github_organization=my-organization; lists and objects only by --var-file
   * @param varFile more of them, as a .tfvars file
   */
  @func({ cache: "never" })
  async bootstrap(vars: string[] = [], varFile?: File): Promise<string> {
    settingsOf({ vars, varFile }); // bad input is refused before anything starts
    return await bootstrap({ source: this.source, session: await this.session(), vars, varFile, log });
  }

  /**
   * Validates the Terraform stacks, and every module by itself, against the schemas of the real providers. Needs no account.
   *
   * Returns a line with their number. Fails with every fault: file, line, what. Example: dagger call validate
   */
  @func()
  async validate(): Promise<string> {
    return `${await validateTerraform(this.source)} are valid.\n`;
  }

  /**
   * Brings the Terraform code into Terraform's own format. The CLI shows the change and asks before it applies it.
   *
   * Returns the change set. Example: dagger call fmt
   */
  @func()
  async fmt(): Promise<Changeset> {
    return await formatTerraform(this.source);
  }

  /**
   * All that the Terraform code must pass, together: format, lint, validation against the real providers, the modules' tests and
   * the policy scan. Needs no account. Reports every failure, not only the first.
   *
   * Returns the report in Markdown. Example: dagger call check-infra
   */
  @func()
  async checkInfra(): Promise<string> {
    return toMarkdown(await checkInfra(this.source, log));
  }

  /**
   * The infrastructure's whole life on a simulated AWS, with the real providers and a real state: bootstrap, plan, apply, drift,
   * repair, destroy. Needs no account and costs nothing; takes about ten minutes, most of them waits of the provider.
   *
   * Returns the report in Markdown. Example: dagger call test-infra --env dev
   * @param env dev or prod
   */
  @func({ cache: "never" })
  async testInfra(env = "dev"): Promise<string> {
    return toMarkdown(await testInfra(this.source, infrastructureOf(env), log));
  }

  private async terraform(env: string, vars: string[] = [], varFile?: File): Promise<TerraformRun> {
    const environment = infrastructureOf(env);
    variableArguments({ environment, vars }); // bad input is refused before anything starts
    return { source: this.source, environment, session: await this.session(), vars, varFile, log };
  }

  /** The way to the repository's trunk, where the caller gave a token for it. */
  private async delivery(access: GitAccess): Promise<Delivery | undefined> {
    const { gitToken: token, gitUsername: username, gitAuthor: author, runId, pullRequest } = access;
    const run = runId === undefined ? undefined : parseRun(runId);
    if (author !== undefined) parseAuthor(author); // bad input is refused before anything starts
    if (!token) return undefined;
    const remote = await remoteOf(this.source, { token, username });
    return { remote, author, run, ...(pullRequest && { pullRequest }) };
  }

  /** Opens a session, where the caller gave anything to open one with. */
  private aws(): (() => Promise<AwsSession>) | undefined {
    const given = this.awsCredentials ?? this.awsRoleArn ?? this.awsWebIdentityToken;
    return given === undefined ? undefined : () => this.session();
  }

  private async session(): Promise<AwsSession> {
    const access: AwsAccess = {
      credentials: this.awsCredentials,
      profile: this.awsProfile,
      roleArn: this.awsRoleArn,
      webIdentityToken: this.awsWebIdentityToken,
      account: this.awsAccount,
    };
    return await openAwsSession(access, REGION);
  }
}

/** Who changes the repository, as the caller gave it. */
interface GitAccess {
  readonly gitToken: Secret | undefined;
  readonly gitUsername: string;
  readonly gitAuthor?: string;
  readonly runId?: string;
  readonly pullRequest?: boolean;
}

/** A tag that may be left out; an empty one is none. */
const givenTag = (tag: string | undefined) => (tag === undefined ? undefined : parseTag(tag));

/** What a run has changed, for a reader of its report. */
function announcement({ sha, pullRequest, changed, before }: Published, tag: string): string {
  const promotion = "`dagger call promote` shows what prod gets, and waits until it is out";
  if (pullRequest) return `prod gets ${tag} when ${pullRequest} is merged; then ${promotion}.\n`;
  const how =
    before === tag ? `as before${changed ? `, and the proof by ${sha.slice(0, 7)}` : ""}` : `by ${sha.slice(0, 7)}`;
  return `prod's release file has ${tag}, ${how}: ${promotion}.\n`;
}

/** The change that a run proposes, for a reader of its report. */
async function proposal(changes: Changeset, tag: string): Promise<string> {
  const patch = await changes.asPatch().contents();
  if (!patch) return `prod has ${tag} already.\n`;
  return `To propose it for prod: \`dagger call bump --env prod --tag ${tag}\` shows this change and asks; \`promote\` releases it.\n\n\`\`\`diff\n${patch}\`\`\`\n`;
}

/** The registry of public images, with a log-in; none without a password. */
function registryOf(username: string | undefined, password: Secret | undefined): AppRegistry | undefined {
  if (!password) return undefined;
  if (!username)
    throw new Error("--registry-password needs --registry-username: the account that the token belongs to.");
  return appRegistry(username, password);
}

const appRegistry = (username: string, password: Secret): AppRegistry => ({ host: LOGIN_HOST, username, password });
