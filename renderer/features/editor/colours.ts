/** Monaco in the colours of the theme. */
import { theme, token } from '../../theme/theme.ts';
import { monaco } from './monaco.ts';

const plain = (name: string): string => token(name).replace('#', '');

/** To be called again when the theme has changed. */
export function applyColours(): void {
  const rule = (scope: string, name: string, fontStyle?: string) => ({
    token: scope,
    foreground: plain(name),
    ...(fontStyle === undefined ? {} : { fontStyle }),
  });
  monaco.editor.defineTheme('vitrine', {
    base: theme.value === 'dark' ? 'vs-dark' : 'vs',
    inherit: true,
    rules: [
      { token: '', foreground: plain('--text-1'), background: plain('--surface-sunk') },
      rule('comment', '--syn-comment', 'italic'),
      rule('string', '--syn-str'),
      rule('string.invalid', '--danger'),
      rule('number', '--syn-imm'),
      rule('label', '--syn-sym'),
      rule('name', '--text-1'),
      rule('register', '--text-1'),
      rule('instruction', '--syn-op', 'bold'),
      rule('flow', '--syn-flow', 'bold'),
      rule('directive', '--syn-dir'),
      rule('preprocessor', '--syn-dir'),
      rule('parameter', '--syn-dir'),
    ],
    colors: {
      'editor.background': token('--surface-sunk'),
      'editor.foreground': token('--text-1'),
      'editorGutter.background': token('--surface-sunk'),
      'editorLineNumber.foreground': token('--text-3'),
      'editorLineNumber.dimmedForeground': token('--text-3'),
      'editorLineNumber.activeForeground': token('--text-1'),
      'editorCursor.foreground': token('--accent'),
      'editor.selectionBackground': `${token('--accent')}40`,
      'editor.inactiveSelectionBackground': `${token('--accent')}26`,
      'editor.wordHighlightBackground': `${token('--accent')}0d`,
      'editor.wordHighlightStrongBackground': `${token('--accent')}0d`,
      'editor.wordHighlightTextBackground': `${token('--accent')}0d`,
      'editor.lineHighlightBackground': token('--surface-2'),
      'editor.lineHighlightBorder': '#00000000',
      'editor.findMatchBackground': `${token('--st-paused')}66`,
      'editor.findMatchHighlightBackground': `${token('--st-paused')}33`,
      'editorError.foreground': token('--danger'),
      'editorWarning.foreground': token('--st-paused'),
      'editorWidget.background': token('--surface-1'),
      'editorWidget.foreground': token('--text-1'),
      'editorWidget.border': token('--line-strong'),
      'editorHoverWidget.background': token('--surface-1'),
      'editorHoverWidget.border': token('--line-strong'),
      'editorSuggestWidget.background': token('--surface-1'),
      'editorSuggestWidget.border': token('--line-strong'),
      'editorSuggestWidget.selectedBackground': token('--surface-3'),
      'editorSuggestWidget.selectedForeground': token('--text-1'),
      'editorSuggestWidget.highlightForeground': token('--accent'),
      'editorSuggestWidget.focusHighlightForeground': token('--accent'),
      'input.background': token('--surface-1'),
      'input.foreground': token('--text-1'),
      'input.border': token('--control'),
      focusBorder: token('--accent'),
      'list.hoverBackground': token('--surface-2'),
      'scrollbarSlider.background': `${token('--control')}55`,
      'scrollbarSlider.hoverBackground': `${token('--control')}88`,
      'scrollbarSlider.activeBackground': `${token('--control')}aa`,
      'editorOverviewRuler.border': '#00000000',
      'editorBracketMatch.border': token('--control'),
      'editorBracketMatch.background': '#00000000',
      'menu.background': token('--surface-1'),
      'menu.foreground': token('--text-1'),
      'menu.selectionBackground': token('--surface-3'),
      'menu.selectionForeground': token('--text-1'),
      'menu.border': token('--line-strong'),
      'peekViewEditor.background': token('--surface-sunk'),
      'peekViewResult.background': token('--surface-1'),
    },
  });
  monaco.editor.setTheme('vitrine');
}
