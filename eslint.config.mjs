import vue from 'eslint-plugin-vue';
import tseslint from 'typescript-eslint';
import { layers } from './build/lint/layers.mjs';

/** Rules of one's own taste are few: the compiler's strictness and the direction of knowledge carry the weight. */
const ours = {
  'layers/direction': 'error',
  eqeqeq: 'error',
  'no-console': 'error',
  'no-debugger': 'error',
  'no-restricted-globals': ['error', { name: 'event', message: 'Take the event as a parameter.' }],
  'prefer-const': 'error',
  '@typescript-eslint/no-explicit-any': 'error',
  '@typescript-eslint/no-non-null-assertion': 'error',
  '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
  '@typescript-eslint/ban-ts-comment': 'error',
  '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
};

export default tseslint.config(
  { ignores: ['out/', 'node_modules/', 'test-results/', 'coverage/', 'docs/', 'assets/'] },
  ...tseslint.configs.recommended,
  ...tseslint.configs.stylistic,
  ...vue.configs['flat/recommended'],
  {
    plugins: { layers },
    rules: ours,
    languageOptions: { parserOptions: { parser: tseslint.parser, extraFileExtensions: ['.vue'] } },
  },
  {
    // Layout of templates is prettier's.
    files: ['**/*.vue'],
    rules: {
      'vue/max-attributes-per-line': 'off',
      'vue/singleline-html-element-content-newline': 'off',
      'vue/multiline-html-element-content-newline': 'off',
      'vue/html-indent': 'off',
      'vue/html-self-closing': 'off',
      'vue/html-closing-bracket-newline': 'off',
      'vue/first-attribute-linebreak': 'off',
      'vue/require-default-prop': 'off',
      'vue/attributes-order': 'off',
      'vue/block-lang': ['error', { script: { lang: 'ts' } }],
    },
  },
  {
    // Reads of typed arrays and tables at places that are in range by construction: a check there would cost, and could not fail.
    files: ['engine/**', 'test/**', '**/*.spec.ts', '**/testing/**'],
    rules: { '@typescript-eslint/no-non-null-assertion': 'off' },
  },
  {
    // Programs that build talk to the terminal.
    files: ['build/**'],
    rules: { 'no-console': 'off', '@typescript-eslint/no-empty-function': 'off' },
  },
  {
    // Named bits and tables of hardware read better as they are written.
    files: ['**/*.ts'],
    rules: {
      '@typescript-eslint/no-inferrable-types': 'off',
      '@typescript-eslint/class-literal-property-style': 'off',
      '@typescript-eslint/consistent-type-definitions': 'off',
      '@typescript-eslint/no-empty-function': 'off',
      '@typescript-eslint/array-type': 'off',
    },
  },
);
