/** Requests as they are, for tests of what the API server answers: statuses, messages and warnings. */
import { Agent, request } from 'undici';
import type { ControlPlane } from '../cluster/control-plane.ts';
import { probeUserAgent } from '../tools/compare-rights.ts';

export interface Answer {
  status: number;
  /** The object, or a metav1.Status with `message` and `reason`. */
  body: Record<string, unknown> & { message?: string; reason?: string };
  /** Texts of the Warning headers. */
  warnings: string[];
}

export interface Call {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With its query. */
  path: string;
  body?: object;
  /** Of a PATCH; default merge. */
  contentType?: string;
  /** Of the answer; default any JSON. */
  accept?: string;
  headers?: Readonly<Record<string, string>>;
}

export interface RawApi {
  /** Sends one request with the bearer token. Never throws because of a status. */
  call(token: string, call: Call): Promise<Answer>;
  /** A token of a ServiceAccount of scantling-system; bound to the object when one is given. */
  tokenOf(serviceAccount: string, bound?: { kind: 'Node' | 'Pod'; name: string; uid: string }): Promise<string>;
  close(): Promise<void>;
}

export function rawApi(controlPlane: ControlPlane): RawApi {
  const dispatcher = new Agent({ connect: { ca: controlPlane.certificateAuthority } });
  const call = async (token: string, { method, path, body, contentType, accept, headers }: Call): Promise<Answer> => {
    const type = contentType ?? (method === 'PATCH' ? 'application/merge-patch+json' : 'application/json');
    const response = await request(`${controlPlane.url}${path}`, {
      method,
      dispatcher,
      headers: {
        authorization: `Bearer ${token}`,
        'user-agent': probeUserAgent,
        'content-type': type,
        ...(accept === undefined ? {} : { accept }),
        ...headers,
      },
      body: body === undefined ? null : JSON.stringify(body),
    });
    const warning = response.headers['warning'];
    return {
      status: response.statusCode,
      body: (await response.body.json()) as Answer['body'],
      warnings: warning === undefined ? [] : [warning].flat(),
    };
  };
  return {
    call,
    tokenOf: async (serviceAccount, bound) => {
      const answer = await call(controlPlane.adminToken, {
        method: 'POST',
        path: `/api/v1/namespaces/scantling-system/serviceaccounts/${serviceAccount}/token`,
        body: {
          apiVersion: 'authentication.k8s.io/v1',
          kind: 'TokenRequest',
          spec: {
            expirationSeconds: 3600,
            ...(bound ? { boundObjectRef: { apiVersion: 'v1', ...bound } } : {}),
          },
        },
      });
      const token = (answer.body['status'] as { token?: string } | undefined)?.token;
      if (token === undefined) throw new Error(`no token for ${serviceAccount}: ${answer.status} ${answer.body.message}`);
      return token;
    },
    close: () => dispatcher.close(),
  };
}
