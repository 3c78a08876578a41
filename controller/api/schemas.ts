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
        properties: {
          image: { type: 'string', minLength: 1, maxLength: 1024 },
          definitionRef: {
            type: 'object',
            required: ['name'],
            properties: { name: { type: 'string', minLength: 1, maxLength: 253 } },
          },
          pullSecretRef: {
            type: 'object',
            required: ['name'],
            properties: { name: { type: 'string', minLength: 1, maxLength: 253 } },
          },
          update: { type: 'string', enum: ['Always', 'Manual'], default: 'Always' },
          interval: { type: 'string', default: '10m', maxLength: 32 },
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
          repositories: {
            type: 'array',
            minItems: 1,
            maxItems: 50,
            'x-kubernetes-list-type': 'map',
            'x-kubernetes-list-map-keys': ['name'],
            items: {
              type: 'object',
              required: ['name', 'url'],
              properties: {
                name: { type: 'string', minLength: 1, maxLength: 63, pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$' },
                url: { type: 'string', maxLength: 1024, pattern: '^(https?|file)://[!-~]+$' },
                suite: { type: 'string', default: './', maxLength: 128, pattern: '^[A-Za-z0-9./_-]+$' },
                components: {
                  type: 'array',
                  maxItems: 20,
                  'x-kubernetes-list-type': 'atomic',
                  items: { type: 'string', maxLength: 64, pattern: '^[A-Za-z0-9./_-]+$' },
                },
                gpgKey: { type: 'string', maxLength: 65536 },
                gpgCheck: { type: 'boolean', default: true },
                keep: { type: 'boolean', default: false },
              },
            },
          },
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
        properties: {
          inline: { type: 'string', minLength: 1, maxLength: 65536 },
          from: { type: 'string', minLength: 1, maxLength: 1024 },
          context: { type: 'string', minLength: 1, maxLength: 1024 },
        },
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
      platforms: {
        type: 'array',
        minItems: 1,
        maxItems: 16,
        'x-kubernetes-list-type': 'set',
        items: { type: 'string', maxLength: 64 },
      },
      workloads: {
        type: 'array',
        maxItems: 50,
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['name'],
        items: {
          type: 'object',
          required: ['name', 'containers'],
          properties: {
            name: { type: 'string', minLength: 1, maxLength: 63, pattern: '^[a-z0-9]([a-z0-9-]*[a-z0-9])?$' },
            network: { type: 'string', enum: ['Pod', 'Host'], default: 'Pod' },
            volumes: {
              type: 'array',
              maxItems: 50,
              'x-kubernetes-list-type': 'map',
              'x-kubernetes-list-map-keys': ['name'],
              items: {
                type: 'object',
                required: ['name'],
                properties: {
                  name: { type: 'string', minLength: 1, maxLength: 63, pattern: '^[a-z0-9]([a-z0-9-]*[a-z0-9])?$' },
                  hostPath: { type: 'string', maxLength: 1024, pattern: '^/[^\\s:,%]+$' },
                },
              },
            },
            containers: {
              type: 'array',
              minItems: 1,
              maxItems: 20,
              'x-kubernetes-list-type': 'map',
              'x-kubernetes-list-map-keys': ['name'],
              items: {
                type: 'object',
                required: ['name', 'image'],
                properties: {
                  name: { type: 'string', minLength: 1, maxLength: 63, pattern: '^[a-z0-9]([a-z0-9-]*[a-z0-9])?$' },
                  image: { type: 'string', minLength: 1, maxLength: 512 },
                  command: {
                    type: 'array',
                    maxItems: 100,
                    'x-kubernetes-list-type': 'atomic',
                    items: { type: 'string', maxLength: 8192 },
                  },
                  args: {
                    type: 'array',
                    maxItems: 100,
                    'x-kubernetes-list-type': 'atomic',
                    items: { type: 'string', maxLength: 8192 },
                  },
                  env: {
                    type: 'array',
                    maxItems: 200,
                    'x-kubernetes-list-type': 'map',
                    'x-kubernetes-list-map-keys': ['name'],
                    items: {
                      type: 'object',
                      required: ['name', 'value'],
                      properties: {
                        name: { type: 'string', minLength: 1, maxLength: 256, pattern: '^[A-Za-z_][A-Za-z0-9_]*$' },
                        value: { type: 'string', maxLength: 32768 },
                      },
                    },
                  },
                  ports: {
                    type: 'array',
                    maxItems: 50,
                    'x-kubernetes-list-type': 'atomic',
                    items: {
                      type: 'object',
                      required: ['containerPort', 'hostPort'],
                      properties: {
                        containerPort: { type: 'integer', format: 'int32', minimum: 1, maximum: 65535 },
                        hostPort: { type: 'integer', format: 'int32', minimum: 1, maximum: 65535 },
                        hostIP: { type: 'string', maxLength: 45, pattern: '^[0-9a-fA-F.:]+$' },
                        protocol: { type: 'string', enum: ['TCP', 'UDP', 'SCTP'], default: 'TCP' },
                      },
                    },
                  },
                  volumeMounts: {
                    type: 'array',
                    maxItems: 50,
                    'x-kubernetes-list-type': 'atomic',
                    items: {
                      type: 'object',
                      required: ['name', 'mountPath'],
                      properties: {
                        name: { type: 'string', minLength: 1, maxLength: 63 },
                        mountPath: { type: 'string', maxLength: 1024, pattern: '^/[^\\s:,%]*$' },
                        readOnly: { type: 'boolean', default: false },
                      },
                    },
                  },
                  secretRefs: {
                    type: 'array',
                    maxItems: 50,
                    'x-kubernetes-list-type': 'atomic',
                    items: {
                      type: 'object',
                      required: ['hostPath'],
                      properties: {
                        hostPath: { type: 'string', maxLength: 1024, pattern: '^/[^\\s:,%]+$' },
                        mountPath: { type: 'string', maxLength: 1024, pattern: '^/[^\\s:,%]+$' },
                        env: { type: 'boolean' },
                      },
                    },
                  },
                  user: { type: 'string', maxLength: 64, pattern: '^[a-z0-9_][a-z0-9_.:-]*$' },
                  readOnlyRootFilesystem: { type: 'boolean', default: false },
                  dependsOn: {
                    type: 'array',
                    maxItems: 20,
                    'x-kubernetes-list-type': 'set',
                    items: { type: 'string', minLength: 1, maxLength: 63 },
                  },
                  restart: { type: 'string', enum: ['Always', 'OnFailure', 'Never'], default: 'Always' },
                  healthCheck: {
                    type: 'object',
                    required: ['command'],
                    properties: {
                      command: {
                        type: 'array',
                        minItems: 1,
                        maxItems: 100,
                        'x-kubernetes-list-type': 'atomic',
                        items: { type: 'string', maxLength: 8192 },
                      },
                      interval: { type: 'string', default: '30s', maxLength: 32, pattern: '^([0-9]+(ms|s|m|h))+$' },
                      timeout: { type: 'string', default: '30s', maxLength: 32, pattern: '^([0-9]+(ms|s|m|h))+$' },
                      startPeriod: { type: 'string', default: '0s', maxLength: 32, pattern: '^([0-9]+(ms|s|m|h))+$' },
                      retries: { type: 'integer', format: 'int32', minimum: 1, maximum: 100, default: 3 },
                      onFailure: { type: 'string', enum: ['None', 'Restart', 'Stop'], default: 'None' },
                    },
                  },
                },
              },
            },
          },
        },
      },
      labels: { type: 'object', maxProperties: 50, additionalProperties: { type: 'string', maxLength: 4096 } },
      output: {
        type: 'object',
        required: ['repository'],
        properties: {
          repository: { type: 'string', minLength: 1, maxLength: 512 },
          pushSecretRef: {
            type: 'object',
            required: ['name'],
            properties: { name: { type: 'string', minLength: 1, maxLength: 253 } },
          },
        },
      },
      history: {
        type: 'object',
        default: {},
        properties: {
          successful: { type: 'integer', format: 'int32', minimum: 1, maximum: 100, default: 5 },
          failed: { type: 'integer', format: 'int32', minimum: 0, maximum: 100, default: 2 },
          prune: { type: 'string', enum: ['None', 'Images'], default: 'None' },
          gracePeriod: { type: 'string', default: '24h', maxLength: 32, pattern: '^([0-9]+(ms|s|m|h))+$' },
        },
      },
      build: {
        type: 'object',
        default: {},
        properties: {
          suspend: { type: 'boolean', default: false },
          args: { type: 'object', maxProperties: 64, additionalProperties: { type: 'string', maxLength: 4096 } },
          builder: { type: 'string', enum: ['Job', 'Process'] },
          timeout: { type: 'string', default: '30m', maxLength: 32, pattern: '^([0-9]+(ms|s|m|h))+$' },
          resources: {
            type: 'object',
            properties: {
              requests: { type: 'object', maxProperties: 16, additionalProperties: { type: 'string', maxLength: 64 } },
              limits: { type: 'object', maxProperties: 16, additionalProperties: { type: 'string', maxLength: 64 } },
            },
          },
          nodeSelector: { type: 'object', maxProperties: 32, additionalProperties: { type: 'string', maxLength: 63 } },
          tolerations: {
            type: 'array',
            maxItems: 32,
            'x-kubernetes-list-type': 'atomic',
            items: {
              type: 'object',
              properties: {
                key: { type: 'string', maxLength: 316 },
                operator: { type: 'string', enum: ['Exists', 'Equal'] },
                value: { type: 'string', maxLength: 63 },
                effect: { type: 'string', enum: ['NoSchedule', 'PreferNoSchedule', 'NoExecute'] },
                tolerationSeconds: { type: 'integer', format: 'int64' },
              },
            },
          },
          priorityClassName: { type: 'string', minLength: 1, maxLength: 253 },
          secrets: {
            type: 'array',
            maxItems: 32,
            'x-kubernetes-list-type': 'map',
            'x-kubernetes-list-map-keys': ['id'],
            items: {
              type: 'object',
              required: ['id', 'secretRef'],
              properties: {
                id: { type: 'string', minLength: 1, maxLength: 128, pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$' },
                secretRef: {
                  type: 'object',
                  required: ['name', 'key'],
                  properties: {
                    name: { type: 'string', minLength: 1, maxLength: 253 },
                    key: { type: 'string', minLength: 1, maxLength: 253, pattern: '^[-._a-zA-Z0-9]+$' },
                  },
                },
              },
            },
          },
          proxy: {
            type: 'object',
            properties: {
              http: { type: 'string', maxLength: 1024, pattern: '^https?://[^@\\s]+$' },
              https: { type: 'string', maxLength: 1024, pattern: '^https?://[^@\\s]+$' },
              noProxy: { type: 'string', maxLength: 4096 },
            },
          },
          caBundleRef: {
            type: 'object',
            required: ['name'],
            properties: {
              name: { type: 'string', minLength: 1, maxLength: 253 },
              key: { type: 'string', default: 'ca.crt', minLength: 1, maxLength: 253, pattern: '^[-._a-zA-Z0-9]+$' },
            },
          },
          lint: { type: 'string', enum: ['Error', 'Warn', 'Off'], default: 'Warn' },
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
