import { dag, type File } from "@dagger.io/dagger";

/** Where images keep their commands, the usual places first. */
const FOLDERS = ["usr/local/bin", "usr/bin", "bin", "ko-app", "go-runner", "."];

/**
 * A command out of an image. Its place differs between images, and the small ones have no shell to ask.
 *
 * @throws Error naming the image when it has no such command
 */
export async function imageFile(image: string, name: string): Promise<File> {
  const root = dag.container().from(image).rootfs();
  for (const folder of FOLDERS) {
    const path = `${folder}/${name}`;
    if (await root.exists(path)) return root.file(path);
  }
  throw new Error(`The image ${image} has no command ${name} in ${FOLDERS.map((folder) => `/${folder}`).join(", ")}.`);
}
