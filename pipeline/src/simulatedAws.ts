import { dag, type Service } from "@dagger.io/dagger";
import { images } from "./images.js";

/** Where the simulator answers. */
const AWS_PORT = 5000;

/** Keys that the simulator takes; any would do. */
export const SIMULATED_CREDENTIALS = JSON.stringify({
  Version: 1,
  AccessKeyId: "AKIAIOSFODNN7EXAMPLE",
  SecretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
});

/**
 * AWS as moto simulates it, empty and in memory: most of what the platform's Terraform calls, without an account or costs.
 *
 * @param name makes it another one than those before it
 */
export function simulatedAws(name: string): Service {
  return dag
    .container()
    .from(images.moto)
    .withEnvVariable("MOTO_IAM_LOAD_MANAGED_POLICIES", "true") // AWS's own policies, which roles have attached
    .withExposedPort(AWS_PORT)
    .withEnvVariable("SIMULATOR", name)
    .asService({ args: ["moto_server", "-H", "0.0.0.0", "-p", `${AWS_PORT}`] });
}
