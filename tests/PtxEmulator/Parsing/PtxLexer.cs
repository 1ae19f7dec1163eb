namespace PtxEmulator.Parsing;

internal enum TokenKind { Identifier, Directive, Number, Text, Punctuation, End }

internal readonly record struct Token(TokenKind Kind, string Text, int Line)
{
    public bool Is(char punctuation) => Kind == TokenKind.Punctuation && Text[0] == punctuation;

    public override string ToString() => Kind == TokenKind.End ? "the end of the text" : $"'{Text}'";
}

/// <summary>Cuts PTX text into tokens. A directive or modifier (.reg, .f32) is one token without its dot.</summary>
internal static class PtxLexer
{
    public static List<Token> Tokenize(string text)
    {
        var tokens = new List<Token>(text.Length / 4);
        var line = 1;
        var i = 0;
        while (i < text.Length)
        {
            var c = text[i];
            if (c == '\n')
            {
                line++;
                i++;
            }
            else if (char.IsWhiteSpace(c))
            {
                i++;
            }
            else if (c == '/' && Next(text, i) == '/')
            {
                while (i < text.Length && text[i] != '\n') i++;
            }
            else if (c == '/' && Next(text, i) == '*')
            {
                var from = line;
                i += 2;
                while (!(i + 1 < text.Length && text[i] == '*' && text[i + 1] == '/'))
                {
                    if (i >= text.Length) throw new PtxSyntaxException(from, "a comment /* has no end");
                    if (text[i++] == '\n') line++;
                }

                i += 2;
            }
            else if (c == '"')
            {
                var end = text.IndexOf('"', i + 1);
                if (end < 0) throw new PtxSyntaxException(line, "a string has no end");
                tokens.Add(new Token(TokenKind.Text, text[(i + 1)..end], line));
                i = end + 1;
            }
            else if (c == '.' && IsNamePart(Next(text, i)))
            {
                var end = EndOfName(text, i + 1);
                tokens.Add(new Token(TokenKind.Directive, text[(i + 1)..end], line));
                i = end;
                // C++-like scopes in modifiers (.L2::128B) belong to the modifier.
                while (i + 2 < text.Length && text[i] == ':' && text[i + 1] == ':')
                {
                    end = EndOfName(text, i + 2);
                    tokens[^1] = tokens[^1] with { Text = tokens[^1].Text + text[i..end] };
                    i = end;
                }
            }
            else if (char.IsAsciiDigit(c))
            {
                var end = EndOfNumber(text, i);
                tokens.Add(new Token(TokenKind.Number, text[i..end], line));
                i = end;
            }
            else if (IsNamePart(c) || c == '%')
            {
                var end = EndOfName(text, i + 1);
                tokens.Add(new Token(TokenKind.Identifier, text[i..end], line));
                i = end;
            }
            else if ("{}[]()<>,;:|!@+-=*".Contains(c))
            {
                tokens.Add(new Token(TokenKind.Punctuation, c.ToString(), line));
                i++;
            }
            else
            {
                throw new PtxSyntaxException(line, $"'{c}' (U+{(int)c:X4}) does not belong into PTX");
            }
        }

        tokens.Add(new Token(TokenKind.End, "", line));
        return tokens;
    }

    private static char Next(string text, int i) => i + 1 < text.Length ? text[i + 1] : '\0';

    private static bool IsNamePart(char c) => char.IsAsciiLetterOrDigit(c) || c is '_' or '$';

    private static int EndOfName(string text, int i)
    {
        while (i < text.Length && IsNamePart(text[i])) i++;
        return i;
    }

    private static int EndOfNumber(string text, int i)
    {
        var isHexadecimal = text[i] == '0' && Next(text, i) is 'x' or 'X' or 'f' or 'F' or 'd' or 'D';
        i++;
        while (i < text.Length)
        {
            var c = text[i];
            var isExponentSign = !isHexadecimal && c is '+' or '-' && text[i - 1] is 'e' or 'E';
            var isPoint = c == '.' && !isHexadecimal;
            if (!char.IsAsciiLetterOrDigit(c) && !isPoint && !(isExponentSign && !isHexadecimal)) break;
            i++;
        }

        return i;
    }
}
