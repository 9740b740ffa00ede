import { connect as connectTls } from "node:tls";

/**
 * The certificate of the authority that a TLS server shows beside its own, as PEM, whether it is trusted or not.
 *
 * @throws Error when the server doesn't answer or shows only its own
 */
export function peerAuthority(host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host, port, servername: "kubernetes", rejectUnauthorized: false }, () => {
      const authority = socket.getPeerCertificate(true).issuerCertificate;
      socket.destroy();
      if (!authority) return reject(new Error(`The API server at ${host} does not show its authority's certificate.`));
      resolve(pemOf(authority.raw));
    });
    socket.setTimeout(5000, () => socket.destroy(new Error(`The API server at ${host} gives no answer.`)));
    socket.once("error", reject);
  });
}

/** A certificate as PEM. */
export function pemOf(der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
}
