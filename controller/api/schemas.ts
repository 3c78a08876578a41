// Generated from crds/ by `npm run generate`. Do not edit.
/* oxlint-disable max-lines */

/** The part of an OpenAPI v3 schema that our CRDs use. */
export interface Schema {
  type?: string;
  format?: string;
  properties?: Readonly<Record<string, Schema>>;
  additionalProperties?: Schema;
  items?: Schema;
  required?: readonly string[];
  default?: unknown;
  enum?: readonly unknown[];
  pattern?: string;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  maxProperties?: number;
  'x-kubernetes-int-or-string'?: boolean;
  'x-kubernetes-list-type'?: string;
  'x-kubernetes-list-map-keys'?: readonly string[];
}

/** The schema of spec, by kind, of the kinds that may come from a repository. */
export const specSchemas: Readonly<Record<string, Schema>> = {
  SystemDefinition: {
    type: 'object',
    required: ['base', 'output'],
    properties: {
      base: {
        type: 'object',
        required: ['image'],
        properties: {
          image: {
            type: 'string',
            minLength: 1,
            maxLength: 1024,
            pattern:
              '^[a-zA-Z0-9][a-zA-Z0-9.-]*(:[0-9]+)?/[a-z0-9]+([._/-]+[a-z0-9]+)*(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@sha256:[0-9a-f]{64})?$',
          },
        },
      },
      sourceRef: {
        type: 'object',
        required: ['name'],
        properties: {
          name: { type: 'string', minLength: 1, maxLength: 253 },
          path: { type: 'string', default: '.', maxLength: 1024 },
          revision: { type: 'string', maxLength: 512, pattern: '^[^@\\s]+@sha1:[0-9a-f]{40}$' },
        },
      },
      packages: {
        type: 'object',
        required: ['manager'],
        properties: {
          manager: { type: 'string', enum: ['dnf', 'apt', 'zypper'] },
          install: {
            type: 'array',
            minItems: 1,
            maxItems: 1000,
            'x-kubernetes-list-type': 'set',
            items: { type: 'string', minLength: 1, maxLength: 256, pattern: '^[A-Za-z0-9@][A-Za-z0-9@+._:=~*/-]*$' },
          },
          remove: {
            type: 'array',
            minItems: 1,
            maxItems: 1000,
            'x-kubernetes-list-type': 'set',
            items: { type: 'string', minLength: 1, maxLength: 256, pattern: '^[A-Za-z0-9@][A-Za-z0-9@+._:=~*/-]*$' },
          },
        },
      },
      containerfile: {
        type: 'object',
        required: ['inline'],
        properties: { inline: { type: 'string', minLength: 1, maxLength: 65536 } },
      },
      files: {
        type: 'array',
        maxItems: 1000,
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['path'],
        items: {
          type: 'object',
          required: ['path'],
          properties: {
            path: { type: 'string', minLength: 2, maxLength: 1024, pattern: '^/.*[^/]$' },
            mode: { type: 'string', pattern: '^0?[0-7]{3,4}$', default: '0644' },
            content: { type: 'string', maxLength: 262144 },
            from: { type: 'string', minLength: 1, maxLength: 1024 },
          },
        },
      },
      trees: {
        type: 'array',
        minItems: 1,
        maxItems: 100,
        'x-kubernetes-list-type': 'atomic',
        items: {
          type: 'object',
          required: ['from', 'to'],
          properties: {
            from: { type: 'string', minLength: 1, maxLength: 1024 },
            to: { type: 'string', minLength: 1, maxLength: 1024, pattern: '^/' },
          },
        },
      },
      units: {
        type: 'array',
        maxItems: 500,
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['name'],
        items: {
          type: 'object',
          required: ['name'],
          properties: {
            name: {
              type: 'string',
              minLength: 3,
              maxLength: 255,
              pattern: '^[A-Za-z0-9:_.@\\\\-]+\\.(service|socket|device|mount|automount|swap|target|path|timer|slice|scope)$',
            },
            enabled: { type: 'boolean' },
            wantedBy: {
              type: 'array',
              maxItems: 20,
              'x-kubernetes-list-type': 'set',
              items: { type: 'string', minLength: 3, maxLength: 255, pattern: '^[A-Za-z0-9:_.@\\\\-]+\\.[a-z]+$' },
            },
            mask: { type: 'boolean', default: false },
            contents: { type: 'string', maxLength: 65536 },
            dropIns: {
              type: 'array',
              maxItems: 50,
              'x-kubernetes-list-type': 'map',
              'x-kubernetes-list-map-keys': ['name'],
              items: {
                type: 'object',
                required: ['name', 'contents'],
                properties: {
                  name: { type: 'string', minLength: 6, maxLength: 255, pattern: '^[A-Za-z0-9:_.@\\\\-]+\\.conf$' },
                  contents: { type: 'string', maxLength: 65536 },
                },
              },
            },
          },
        },
      },
      kernelArguments: {
        type: 'array',
        maxItems: 200,
        'x-kubernetes-list-type': 'set',
        items: { type: 'string', minLength: 1, maxLength: 1024, pattern: '^[!-~]+$' },
      },
      users: {
        type: 'array',
        maxItems: 200,
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['name'],
        items: {
          type: 'object',
          required: ['name'],
          properties: {
            name: { type: 'string', minLength: 1, maxLength: 31, pattern: '^[a-z_][a-z0-9_-]*$' },
            uid: { type: 'integer', format: 'int32', minimum: 1, maximum: 65533 },
            description: { type: 'string', maxLength: 256, pattern: '^[^:"\\n]*$' },
            home: { type: 'string', maxLength: 1024, pattern: '^/[^\\s":]*$' },
            shell: { type: 'string', maxLength: 1024, pattern: '^/[^\\s":]*$' },
            groups: {
              type: 'array',
              maxItems: 50,
              'x-kubernetes-list-type': 'set',
              items: { type: 'string', minLength: 1, maxLength: 31, pattern: '^[a-z_][a-z0-9_-]*$' },
            },
            sshAuthorizedKeys: {
              type: 'array',
              maxItems: 50,
              'x-kubernetes-list-type': 'set',
              items: { type: 'string', minLength: 1, maxLength: 8192, pattern: '^[ -~]+$' },
            },
          },
        },
      },
      labels: { type: 'object', maxProperties: 50, additionalProperties: { type: 'string', maxLength: 4096 } },
      output: {
        type: 'object',
        required: ['repository'],
        properties: {
          repository: {
            type: 'string',
            minLength: 1,
            maxLength: 512,
            pattern: '^[a-zA-Z0-9][a-zA-Z0-9.-]*(:[0-9]+)?/[a-z0-9]+([._/-]+[a-z0-9]+)*$',
          },
          pushSecretRef: {
            type: 'object',
            required: ['name'],
            properties: { name: { type: 'string', minLength: 1, maxLength: 253 } },
          },
        },
      },
      build: {
        type: 'object',
        default: {},
        properties: {
          timeout: { type: 'string', default: '30m', maxLength: 32, pattern: '^([0-9]+(ms|s|m|h))+$' },
          suspend: { type: 'boolean', default: false },
        },
      },
    },
  },
  SystemPool: {
    type: 'object',
    required: ['nodeSelector', 'system'],
    properties: {
      nodeSelector: {
        type: 'object',
        properties: {
          matchLabels: { type: 'object', maxProperties: 20, additionalProperties: { type: 'string', maxLength: 63 } },
          matchExpressions: {
            type: 'array',
            maxItems: 20,
            'x-kubernetes-list-type': 'atomic',
            items: {
              type: 'object',
              required: ['key', 'operator'],
              properties: {
                key: { type: 'string', minLength: 1, maxLength: 317 },
                operator: { type: 'string', enum: ['In', 'NotIn', 'Exists', 'DoesNotExist'] },
                values: {
                  type: 'array',
                  maxItems: 100,
                  'x-kubernetes-list-type': 'atomic',
                  items: { type: 'string', maxLength: 63 },
                },
              },
            },
          },
        },
      },
      system: {
        type: 'object',
        properties: {
          definitionRef: {
            type: 'object',
            required: ['name'],
            properties: { name: { type: 'string', minLength: 1, maxLength: 253 } },
          },
          image: {
            type: 'string',
            minLength: 1,
            maxLength: 1024,
            pattern:
              '^[a-zA-Z0-9][a-zA-Z0-9.-]*(:[0-9]+)?/[a-z0-9]+([._/-]+[a-z0-9]+)*(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@sha256:[0-9a-f]{64})?$',
          },
        },
      },
      suspend: { type: 'boolean', default: false },
      rollout: {
        type: 'object',
        default: {},
        properties: {
          maxUnavailable: { 'x-kubernetes-int-or-string': true, default: 1 },
          maxStaging: { type: 'integer', format: 'int32', default: 10, minimum: 1, maximum: 10000 },
          canary: { type: 'integer', format: 'int32', default: 1, minimum: 0, maximum: 1000 },
          failureThreshold: { type: 'integer', format: 'int32', default: 1, minimum: 1, maximum: 10000 },
          timeouts: {
            type: 'object',
            default: {},
            properties: {
              stage: { type: 'string', default: '30m', maxLength: 32, pattern: '^([0-9]+(ms|s|m|h))+$' },
              drain: { type: 'string', default: '30m', maxLength: 32, pattern: '^([0-9]+(ms|s|m|h))+$' },
              reboot: { type: 'string', default: '15m', maxLength: 32, pattern: '^([0-9]+(ms|s|m|h))+$' },
            },
          },
        },
      },
      drain: {
        type: 'object',
        default: {},
        properties: {
          enabled: { type: 'boolean', default: true },
          force: { type: 'boolean', default: false },
          deleteEmptyDirData: { type: 'boolean', default: true },
          gracePeriodSeconds: { type: 'integer', format: 'int32', minimum: 0, maximum: 86400 },
        },
      },
    },
  },
};
