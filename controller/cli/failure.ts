/** How a command that failed says so, and with which exit code: pure. */
import { TransientError, messageOf } from '../api/errors.ts';
import { UsageError } from '../command-line.ts';
import { ApiError } from '../kube/errors.ts';
import { AccessError } from '../kube/kubeconfig-document.ts';
import { plainLines } from '../trust/plain-text.ts';

/** 1: what was asked for failed. 2: the command line cannot be used. 3: the cluster cannot be reached, or does not allow it. */
export type FailureCode = 1 | 2 | 3;

/** What a server or a file of others says may be part of the message, so that it is plain. */
export function failureOf(error: unknown): { code: FailureCode; message: string } {
  const { code, message } = rawFailureOf(error);
  return { code, message: plainLines(message) };
}

function rawFailureOf(error: unknown): { code: FailureCode; message: string } {
  const message = messageOf(error);
  if (error instanceof UsageError) return { code: 2, message };
  if (error instanceof AccessError) return { code: 3, message };
  if (error instanceof ApiError) return ofAnswer(error);
  if (error instanceof TransientError && (error.reason === 'ConnectionFailed' || error.reason === 'NoCredentials'))
    return { code: 3, message: `${message}; is the kubeconfig's server right, and does the cluster run?` };
  return { code: 1, message };
}

function ofAnswer({ status, message }: ApiError): { code: FailureCode; message: string } {
  if (status === 401)
    return {
      code: 3,
      message: `the API server does not know who you are (401): ${message}; log in again, or look at the kubeconfig's user`,
    };
  if (status === 403) return { code: 3, message: `${message}; ${rolesFor(message)}` };
  if (status >= 500) return { code: 3, message };
  return { code: 1, message };
}

/** The API server's words name the verb, the resource and its group; the roles for people are about our own. */
function rolesFor(message: string): string {
  if (/cannot (?:create|update|patch|delete) resource "trustpolicies"/.test(message))
    return 'the ClusterRole scantling-trust-admin lets one change who is trusted';
  return /"scantling\.dev"/.test(message)
    ? 'the ClusterRole scantling-view lets one look, scantling-admin change'
    : 'none of the ClusterRoles scantling-view and scantling-admin lets one do that: ask an administrator of the cluster';
}
