/** A server that goes away and comes back, without being stopped: it stands behind a gate. */
import type { Container } from "@dagger.io/dagger";
import { switches } from "./switches.js";

/** Ends connections, old ones too, while the file is there; passes all others on to the server. */
const GATE = `
const { existsSync } = require("node:fs");
const { connect, createServer } = require("node:net");
const { GATE_FROM, GATE_HOST, GATE_TO } = process.env;
const isAway = () => existsSync("/switch/away");
const sockets = new Set();
createServer((socket) => {
  socket.on("error", () => {});
  if (isAway()) return socket.destroy();
  const server = connect(Number(GATE_TO), GATE_HOST);
  sockets.add(socket);
  socket.on("close", () => { sockets.delete(socket); server.destroy(); });
  server.on("error", () => socket.destroy());
  socket.pipe(server).pipe(socket);
}).listen(Number(GATE_FROM));
setInterval(() => { if (isAway()) for (const socket of sockets) socket.destroy(); }, 100);`;

/** Which port leads where. */
interface Way {
  readonly from: number;
  readonly host: string;
  readonly to: number;
}

export type AwaySwitch = ReturnType<typeof awaySwitch>;

export function awaySwitch() {
  const { mounted, set } = switches();
  return {
    /** A container with node in it, in which `node /gate.cjs` is the gate. */
    gate: (container: Container, { from, host, to }: Way): Container =>
      mounted(container)
        .withNewFile("/gate.cjs", GATE)
        .withEnvVariable("GATE_FROM", `${from}`)
        .withEnvVariable("GATE_HOST", host)
        .withEnvVariable("GATE_TO", `${to}`),
    set: (isAway: boolean): Promise<void> => set("away", isAway),
  };
}
