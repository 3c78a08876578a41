// Generated from crds/trustpolicies.yaml by `npm run generate`. Do not edit.
/* oxlint-disable max-lines */
import type { Schema } from './schemas.ts';

/** The schema of the spec of a TrustPolicy. */
export const policySchema: Schema = {
  type: 'object',
  required: ['scope'],
  properties: {
    scope: {
      type: 'object',
      properties: {
        prefix: {
          type: 'string',
          minLength: 1,
          maxLength: 512,
          matches: [
            {
              pattern: '^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]+)?(/[A-Za-z0-9._~-]*[A-Za-z0-9_~-])*$',
              message:
                'must be a host, with a path where wanted, as registry.example.com/os, without scheme, tag, wildcard and slash at the end',
            },
          ],
        },
        root: { type: 'boolean' },
      },
    },
    subjects: {
      type: 'array',
      minItems: 1,
      maxItems: 2,
      default: ['Image'],
      'x-kubernetes-list-type': 'set',
      items: { type: 'string', enum: ['Image', 'Git'] },
    },
    mode: { type: 'string', enum: ['Enforce', 'Warn', 'Skip'], default: 'Enforce' },
    require: { 'x-kubernetes-int-or-string': true, default: 'Any' },
    exclusive: { type: 'boolean', default: false },
    authorities: {
      type: 'array',
      maxItems: 32,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      items: {
        type: 'object',
        required: ['name'],
        properties: {
          name: {
            type: 'string',
            minLength: 1,
            maxLength: 63,
            matches: [
              {
                pattern: '^[a-z0-9]([a-z0-9-]*[a-z0-9])?$',
                message: 'must be lower-case letters, digits and hyphens, as release-2026',
              },
            ],
          },
          key: {
            type: 'object',
            properties: {
              data: { type: 'string', minLength: 1, maxLength: 16384 },
              secretRef: {
                type: 'object',
                required: ['name'],
                properties: {
                  name: { type: 'string', minLength: 1, maxLength: 253 },
                  key: { type: 'string', minLength: 1, maxLength: 253 },
                },
              },
              notBefore: {
                type: 'string',
                format: 'date-time',
                pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$',
              },
              notAfter: {
                type: 'string',
                format: 'date-time',
                pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$',
              },
              transparencyLog: { type: 'string', enum: ['Required', 'Optional', 'Ignored'], default: 'Ignored' },
              trustedRoot: {
                type: 'object',
                properties: {
                  data: { type: 'string', minLength: 1, maxLength: 262144 },
                  configMapRef: {
                    type: 'object',
                    required: ['name'],
                    properties: {
                      name: { type: 'string', minLength: 1, maxLength: 253 },
                      key: { type: 'string', minLength: 1, maxLength: 253 },
                    },
                  },
                  tuf: {
                    type: 'object',
                    required: ['url', 'rootConfigMapRef'],
                    properties: {
                      url: {
                        type: 'string',
                        minLength: 1,
                        maxLength: 2048,
                        matches: [
                          {
                            pattern: '^https?://[^/@?#]+(/[^?#]*)?$',
                            message: 'must be a URL that begins with https:// or http://, without credentials',
                          },
                        ],
                      },
                      rootConfigMapRef: {
                        type: 'object',
                        required: ['name'],
                        properties: {
                          name: { type: 'string', minLength: 1, maxLength: 253 },
                          key: { type: 'string', minLength: 1, maxLength: 253 },
                        },
                      },
                    },
                  },
                  public: { type: 'boolean' },
                },
              },
            },
          },
          keyless: {
            type: 'object',
            required: ['identities', 'trustedRoot'],
            properties: {
              identities: {
                type: 'array',
                minItems: 1,
                maxItems: 16,
                'x-kubernetes-list-type': 'atomic',
                items: {
                  type: 'object',
                  required: ['issuer'],
                  properties: {
                    issuer: { type: 'string', minLength: 1, maxLength: 2048 },
                    subject: { type: 'string', minLength: 1, maxLength: 2048 },
                    subjectPattern: { type: 'string', minLength: 1, maxLength: 512 },
                  },
                },
              },
              trustedRoot: {
                type: 'object',
                properties: {
                  data: { type: 'string', minLength: 1, maxLength: 262144 },
                  configMapRef: {
                    type: 'object',
                    required: ['name'],
                    properties: {
                      name: { type: 'string', minLength: 1, maxLength: 253 },
                      key: { type: 'string', minLength: 1, maxLength: 253 },
                    },
                  },
                  tuf: {
                    type: 'object',
                    required: ['url', 'rootConfigMapRef'],
                    properties: {
                      url: {
                        type: 'string',
                        minLength: 1,
                        maxLength: 2048,
                        matches: [
                          {
                            pattern: '^https?://[^/@?#]+(/[^?#]*)?$',
                            message: 'must be a URL that begins with https:// or http://, without credentials',
                          },
                        ],
                      },
                      rootConfigMapRef: {
                        type: 'object',
                        required: ['name'],
                        properties: {
                          name: { type: 'string', minLength: 1, maxLength: 253 },
                          key: { type: 'string', minLength: 1, maxLength: 253 },
                        },
                      },
                    },
                  },
                  public: { type: 'boolean' },
                },
              },
            },
          },
          openPGP: {
            type: 'object',
            properties: {
              data: { type: 'string', minLength: 1, maxLength: 131072 },
              secretRef: {
                type: 'object',
                required: ['name'],
                properties: { name: { type: 'string', minLength: 1, maxLength: 253 } },
              },
              fingerprints: {
                type: 'array',
                maxItems: 32,
                'x-kubernetes-list-type': 'set',
                items: {
                  type: 'string',
                  maxLength: 64,
                  matches: [
                    {
                      pattern: '^([0-9a-f]{40}|[0-9a-f]{64})$',
                      message: 'must be 40 or 64 hex digits in lower case, as gpg --fingerprint prints them, without spaces',
                    },
                  ],
                },
              },
            },
          },
          ssh: {
            type: 'object',
            properties: {
              allowedSigners: { type: 'string', minLength: 1, maxLength: 65536 },
              secretRef: {
                type: 'object',
                required: ['name'],
                properties: {
                  name: { type: 'string', minLength: 1, maxLength: 253 },
                  key: { type: 'string', minLength: 1, maxLength: 253 },
                },
              },
              principals: {
                type: 'array',
                maxItems: 32,
                'x-kubernetes-list-type': 'set',
                items: { type: 'string', maxLength: 253 },
              },
            },
          },
          paths: {
            type: 'array',
            maxItems: 64,
            'x-kubernetes-list-type': 'set',
            items: { type: 'string', minLength: 1, maxLength: 512 },
          },
        },
      },
    },
    attestations: {
      type: 'array',
      maxItems: 16,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['predicateType'],
      items: {
        type: 'object',
        required: ['predicateType'],
        properties: {
          predicateType: { type: 'string', minLength: 1, maxLength: 512 },
          builder: { type: 'string', maxLength: 512 },
          source: { type: 'string', maxLength: 2048 },
          commit: { type: 'string', enum: ['Known', 'Any'] },
          authorities: { type: 'array', maxItems: 32, 'x-kubernetes-list-type': 'set', items: { type: 'string', maxLength: 63 } },
        },
      },
    },
    revoked: {
      type: 'array',
      maxItems: 64,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['fingerprint'],
      items: {
        type: 'object',
        required: ['fingerprint'],
        properties: {
          fingerprint: {
            type: 'string',
            minLength: 1,
            maxLength: 128,
            matches: [
              {
                pattern: '^([0-9a-f]{40}|[0-9a-f]{64}|SHA256:[A-Za-z0-9+/]{43})$',
                message: 'must be 40 or 64 hex digits in lower case, or SHA256: and 43 characters as ssh-keygen -l prints it',
              },
            ],
          },
          since: {
            type: 'string',
            format: 'date-time',
            pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$',
          },
          reason: { type: 'string', maxLength: 512 },
        },
      },
    },
    discovery: {
      type: 'object',
      properties: {
        enabled: { type: 'boolean', default: false },
        interval: {
          type: 'string',
          default: '24h',
          maxLength: 32,
          matches: [{ pattern: '^([0-9]+(ms|s|m|h))+$', message: 'must be a duration, as 90m or 24h' }],
        },
        allowPrivateAddresses: { type: 'boolean', default: false },
      },
    },
  },
};
