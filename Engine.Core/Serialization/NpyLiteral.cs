using System.Globalization;

namespace Edifice.Engine.Serialization;

/// <summary>Reads the Python dictionary of a .npy header: strings, truth values and tuples of whole numbers, nothing else.</summary>
internal sealed class NpyLiteral(string text, string path)
{
    private int _at;

    public NpyHeader Parse()
    {
        string? descr = null;
        bool? fortran = null;
        int[]? shape = null;
        Expect('{');
        while (!Try('}'))
        {
            var key = String();
            Expect(':');
            switch (key)
            {
                case "descr" when descr is null:
                    descr = Peek() == '\'' || Peek() == '"' ? String() : throw Broken("its elements are records: the engine has no such type");
                    break;
                case "fortran_order" when fortran is null:
                    fortran = Try("True") ? true : Try("False") ? false : throw Broken("fortran_order is neither True nor False");
                    break;
                case "shape" when shape is null:
                    shape = Shape();
                    break;
                default:
                    throw Broken($"its header has the key {SafetensorsException.Quote(key)}, or has it twice");
            }

            if (!Try(',') && Peek() != '}') throw Broken("its header is no dictionary");
        }

        if (Peek() != '\0') throw Broken("its header goes on after the dictionary");
        if (descr is null || fortran is null || shape is null) throw Broken("its header lacks one of descr, fortran_order and shape");
        if (NpyHeader.Parse(descr) is not var (dtype, swapped))
            throw Broken($"the engine has no type for {SafetensorsException.Quote(descr)}: it reads f2, f4, f8, i4, i8 and b1");
        return new NpyHeader(dtype, swapped, fortran.Value, shape);
    }

    private int[] Shape()
    {
        var dims = new List<int>();
        Expect('(');
        while (!Try(')'))
        {
            Peek();
            var start = _at;
            while (_at < text.Length && char.IsAsciiDigit(text[_at])) _at++;
            if (!int.TryParse(text.AsSpan(start, _at - start), NumberStyles.None, CultureInfo.InvariantCulture, out var n))
                throw Broken("an extent of its shape is no whole number from 0 to 2147483647");
            if (dims.Count == Engine.Shape.MaxRank) throw Broken($"it has more than {Engine.Shape.MaxRank} axes");
            dims.Add(n);
            if (!Try(',') && Peek() != ')') throw Broken("its shape is no tuple");
        }

        return [.. dims];
    }

    private string String()
    {
        var quote = Peek();
        if (quote is not ('\'' or '"')) throw Broken("its header is no dictionary of names");
        var end = text.IndexOf(quote, _at + 1);
        if (end < 0) throw Broken("a text of its header does not end");
        var value = text[(_at + 1)..end];
        _at = end + 1;
        return value;
    }

    private char Peek()
    {
        while (_at < text.Length && text[_at] is ' ' or '\n' or '\t') _at++;
        return _at < text.Length ? text[_at] : '\0';
    }

    private bool Try(char c)
    {
        if (Peek() != c) return false;
        _at++;
        return true;
    }

    private bool Try(string word)
    {
        Peek();
        if (string.CompareOrdinal(text, _at, word, 0, word.Length) != 0) return false;
        _at += word.Length;
        return true;
    }

    private void Expect(char c)
    {
        if (!Try(c)) throw Broken($"its header has no '{c}' where one must be");
    }

    private SerializationException Broken(string rule) => NpyHeader.Broken(path, rule);
}
