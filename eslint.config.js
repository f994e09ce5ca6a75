import prettier from 'eslint-config-prettier';
import tseslint from 'typescript-eslint';

/** Folders that must run in a browser too: hosts are reached through small interfaces only. */
const portable = [
  'src/vmm/**',
  'src/cpu/**',
  'src/devices/**',
  'src/acpi/**',
  'src/net/user/**',
  'src/profile/**',
];

export default tseslint.config(
  {
    ignores: [
      'dist/',
      'guests/build/',
      'coverage/',
      '.cache/',
      'src/cpu/core/',
      'src/cpu/core-binary.ts',
      'src/profile/report/page-assets.ts',
    ],
  },
  ...tseslint.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.recommendedTypeCheckedOnly],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      eqeqeq: 'error',
    },
  },
  {
    files: portable,
    ignores: ['src/vmm/kvm/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ group: ['node:*'], message: 'This folder also runs in a browser.' }] },
      ],
    },
  },
  prettier,
);
