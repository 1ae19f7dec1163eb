using System.Text;

namespace Edifice.Engine.Cuda.Kernels;

internal static partial class KernelSource
{
    /// <summary>The number of elements that one thread takes at a time: 16 bytes of float, twice 16 of double.</summary>
    private const int Lanes = 4;

    /// <summary>Text macros of the files of one module, and the number of calls so far.</summary>
    /// <remarks>
    /// <c>$def name(x, y)</c> … <c>$end</c> defines one; a line <c>$name(%a, %b)</c> is replaced by its body, with <c>$x</c> and <c>$y</c>
    /// replaced by what the call gives and <c>$id</c> by a number of this call alone, so that labels and registers may be declared inside.
    /// Calls may stand in bodies. A line that begins with <c>$4:</c> is written four times, <c>#</c> replaced by 0, 1, 2, 3 and <c>#W</c>
    /// by so many elements in bytes: the elements that a thread takes at a time.
    /// </remarks>
    private sealed class Macros
    {
        private readonly Dictionary<string, (string[] Parameters, string[] Body)> _known = [];
        private string? _name;
        private string[] _parameters = [];
        private List<string> _body = [];
        private int _calls;

        /// <summary>Takes a line of a definition.</summary>
        /// <returns>False when the line is none.</returns>
        public bool Define(ReadOnlySpan<char> line)
        {
            if (line.StartsWith("$def "))
            {
                (_name, _parameters) = Split(line[5..].Trim());
                _body = [];
                return true;
            }

            if (_name is null) return false;
            if (!line.StartsWith("$end"))
            {
                _body.Add(line.ToString());
                return true;
            }

            if (!_known.TryAdd(_name, (_parameters, [.. _body]))) throw new CudaException($"kernel macro {_name} is defined twice");
            _name = null;
            return true;
        }

        /// <summary>The lines that a line stands for; null when it stands for itself.</summary>
        public IEnumerable<string>? Replace(ReadOnlySpan<char> line, bool wide)
        {
            if (line.StartsWith("$4:")) return Repeat(line[3..].ToString(), wide);
            var call = line.Trim();
            if (call.Length < 2 || call[0] != '$' || !char.IsAsciiLetterLower(call[1]) || call[^1] != ')') return null;
            var (name, arguments) = Split(call[1..]);
            if (!_known.TryGetValue(name, out var macro)) throw new CudaException($"no kernel macro {name} (in the line {call})");
            if (macro.Parameters.Length != arguments.Length)
                throw new CudaException($"kernel macro {name} takes {macro.Parameters.Length} arguments, not {arguments.Length} (in the line {call})");
            return Call(macro.Parameters, macro.Body, arguments);
        }

        private static IEnumerable<string> Repeat(string line, bool wide)
        {
            var size = wide ? sizeof(double) : sizeof(float);
            for (var lane = 0; lane < Lanes; lane++) yield return line.Replace("#W", $"{lane * size}").Replace("#", $"{lane}");
        }

        private IEnumerable<string> Call(string[] parameters, string[] body, string[] arguments)
        {
            var call = $"{++_calls}";
            foreach (var line in body) yield return Substitute(line, [.. parameters, "id"], [.. arguments, call]);
        }

        private static string Substitute(string line, string[] names, string[] values)
        {
            var result = new StringBuilder();
            for (var i = 0; i < line.Length;)
            {
                var end = i + 1;
                if (line[i] == '$')
                {
                    while (end < line.Length && char.IsAsciiLetterLower(line[end])) end++;
                    if (Array.IndexOf(names, line[(i + 1)..end]) is var at and >= 0)
                    {
                        result.Append(values[at]);
                        i = end;
                        continue;
                    }
                }

                result.Append(line, i, end - i);
                i = end;
            }

            return result.ToString();
        }

        /// <summary>Name and comma-separated parts of name(…); commas in inner parentheses and braces separate nothing.</summary>
        private static (string Name, string[] Parts) Split(ReadOnlySpan<char> text)
        {
            var open = text.IndexOf('(');
            if (open < 0 || text[^1] != ')') throw new CudaException($"not a kernel macro: {text}");
            var parts = new List<string>();
            int depth = 0, start = open + 1;
            for (var i = start; i < text.Length; i++)
            {
                if (text[i] is '(' or '{' or '[') depth++;
                if (text[i] is ')' or '}' or ']') depth--;
                if (depth >= 0 && !(text[i] == ',' && depth == 0)) continue;
                var part = text[start..i].Trim();
                if (part.Length > 0 || parts.Count > 0) parts.Add(part.ToString());
                start = i + 1;
            }

            return (text[..open].Trim().ToString(), [.. parts]);
        }
    }
}
