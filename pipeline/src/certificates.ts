import { connect as connectTls } from "node:tls";
import { realClock } from "./steps.js";

/** What a TLS server shows of itself. */
interface Shown {
  readonly own: Buffer;
  readonly authority: Buffer | undefined;
}

/**
 * The certificate of the authority that a TLS server shows beside its own, as PEM, whether it is trusted or not.
 *
 * @throws Error when the server doesn't answer or shows only its own
 */
export async function peerAuthority(host: string, port: number): Promise<string> {
  const { authority } = await shownBy(host, port, "kubernetes");
  if (!authority) throw new Error(`The API server at ${host} does not show its authority's certificate.`);
  return pemOf(authority);
}

/**
 * The certificate that a TLS server shows as its own, as PEM, whether it is trusted or not.
 *
 * @throws Error when the server doesn't answer
 */
export async function peerCertificate(host: string, port: number, servername: string): Promise<string> {
  return pemOf((await shownBy(host, port, servername)).own);
}

function shownBy(host: string, port: number, servername: string): Promise<Shown> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host, port, servername, rejectUnauthorized: false }, () => {
      const certificate = socket.getPeerCertificate(true);
      socket.destroy();
      resolve({ own: certificate.raw, authority: certificate.issuerCertificate?.raw });
    });
    socket.setTimeout(5000, () => socket.destroy(new Error(`The server at ${host} gives no answer.`)));
    socket.once("error", reject);
  });
}

/**
 * Asks a server of this run for a certificate until it has started, and believes its first answer: it is in this run's own
 * network. Every call after that is checked.
 *
 * @throws Error what `ask` threw last, after five seconds of tries
 */
export async function onceStarted(ask: () => Promise<string>): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask();
    } catch (error) {
      if (attempt >= 20) throw error;
      await realClock.sleep(250);
    }
  }
}

/** A certificate as PEM. */
export function pemOf(der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
}
