/** Files that a running service looks for, and a test makes and removes: so a server is told what to do next. */
import { randomUUID } from "node:crypto";
import { type Container, dag } from "@dagger.io/dagger";
import { uncached } from "./exec.js";
import { images } from "./images.js";

/** `/switch/<name>` is there in the container while the switch of that name is on. */
export function switches() {
  const volume = dag.cacheVolume(`switches-${randomUUID()}`);
  const mounted = (container: Container) => container.withMountedCache("/switch", volume);
  return {
    mounted,
    set: async (name: string, isOn: boolean): Promise<void> => {
      const command = isOn ? ["touch", `/switch/${name}`] : ["rm", "-f", `/switch/${name}`];
      await mounted(uncached(dag.container().from(images.busybox)))
        .withExec(command)
        .sync();
    },
  };
}
