using System.Text.RegularExpressions;

namespace Edifice.Engine.Cuda.Kernels;

internal static partial class KernelSource
{
    /// <summary>Puts the bodies of straight-line device functions in the place of their calls. The driver's compiler keeps a call a call:
    /// registers are moved to where the convention wants them and back, and nothing is scheduled across it, which an exponential in a loop
    /// that only memory should bound pays for dearly.</summary>
    /// <remarks>A function is straight-line when it has no label and returns at its end alone. Others stay functions. Registers of a body
    /// get a number of their call.</remarks>
    private sealed partial class Inlining
    {
        private readonly Dictionary<string, Function> _functions = [];
        private readonly List<string> _lines = [];
        private int _calls;

        private sealed record Function(string ResultType, string Result, (string Type, string Name)[] Parameters, List<string> Body);

        /// <summary>The module with calls replaced.</summary>
        public static string Apply(string module)
        {
            var inlining = new Inlining();
            inlining.Read(module.Split('\n'));
            return string.Join('\n', inlining._lines);
        }

        private void Read(string[] lines)
        {
            for (var i = 0; i < lines.Length; i++)
            {
                var header = Header().Match(lines[i]);
                var end = header.Success && i + 1 < lines.Length && lines[i + 1] == "{" ? Array.IndexOf(lines, "}", i) : -1;
                if (end < 0)
                {
                    Add(lines[i], _lines);
                    continue;
                }

                var body = new List<string>();
                for (var k = i + 2; k < end; k++) Add(lines[k], body);
                if (IsStraight(body))
                {
                    _functions[header.Groups["name"].Value] = new(
                        header.Groups["type"].Value, header.Groups["result"].Value,
                        [.. Parameter().Matches(header.Groups["parameters"].Value).Select(p => (p.Groups["type"].Value, p.Groups["name"].Value))], body);
                }
                else
                {
                    _lines.AddRange([lines[i], "{", .. body, "}"]);
                }

                i = end;
            }
        }

        private static bool IsStraight(List<string> body)
        {
            var last = body.FindLastIndex(l => l.Trim().Length > 0);
            return last >= 0 && body[last].Trim() == "ret;" && !body.Exists(l => Label().IsMatch(l)) && body.FindIndex(l => Return().IsMatch(l)) == last;
        }

        /// <summary>Appends a line, or what a call stands for.</summary>
        private void Add(string line, List<string> to)
        {
            var call = Call().Match(line);
            if (!call.Success || !_functions.TryGetValue(call.Groups["name"].Value, out var function))
            {
                to.Add(line);
                return;
            }

            var names = new Renaming(++_calls);
            string[] arguments = call.Groups["arguments"].Value.Split(',', StringSplitOptions.TrimEntries);
            if (arguments.Length != function.Parameters.Length)
                throw new CudaException($"device function {call.Groups["name"].Value} takes {function.Parameters.Length} arguments (in the line {line.Trim()})");
            to.Add($"    .reg {function.ResultType} {names.Declare(function.Result)};");
            foreach (var (type, name) in function.Parameters) to.Add($"    .reg {type} {names.Declare(name)};");
            foreach (var inner in function.Body) names.Read(inner);
            for (var i = 0; i < arguments.Length; i++)
                to.Add($"    mov{function.Parameters[i].Type} {names.Rename(function.Parameters[i].Name)}, {arguments[i]};");
            foreach (var inner in function.Body)
                if (inner.Trim() is { Length: > 0 } text && text != "ret;") to.Add(names.Rename(inner));
            to.Add($"    mov{function.ResultType} {call.Groups["to"].Value}, {names.Rename(function.Result)};");
        }

        [GeneratedRegex(@"^\.func \(\.reg (?<type>\.\w+) (?<result>%\w+)\) (?<name>\w+) \((?<parameters>[^)]*)\)\s*$")]
        private static partial Regex Header();

        [GeneratedRegex(@"\.reg (?<type>\.\w+) (?<name>%\w+)")]
        private static partial Regex Parameter();

        [GeneratedRegex(@"^\s*call(\.uni)? \((?<to>%\w+)\), (?<name>\w+), \((?<arguments>[^)]*)\);\s*$")]
        private static partial Regex Call();

        [GeneratedRegex(@"^\s*[A-Za-z_$][\w$]*:")]
        private static partial Regex Label();

        [GeneratedRegex(@"\b(ret|exit)(\.uni)?;")]
        private static partial Regex Return();
    }

    /// <summary>New names for the registers of one call's body.</summary>
    private sealed partial class Renaming(int call)
    {
        private readonly HashSet<string> _names = [], _ranges = [];

        /// <summary>Takes a register among those to be renamed, and gives its new name.</summary>
        public string Declare(string register)
        {
            _names.Add(register);
            return Rename(register);
        }

        /// <summary>Takes those that a line declares.</summary>
        public void Read(string line)
        {
            if (!line.TrimStart().StartsWith(".reg ", StringComparison.Ordinal)) return;
            foreach (Match m in Register().Matches(line)) (m.Groups["range"].Success ? _ranges : _names).Add(m.Groups["name"].Value);
        }

        /// <summary>A line with the registers renamed.</summary>
        public string Rename(string line) => Register().Replace(line, m =>
        {
            var name = m.Groups["name"].Value;
            if (m.Groups["range"].Success) return $"{name}_{call}_{m.Groups["range"].Value}";
            if (_names.Contains(name)) return $"{name}_{call}";
            var stem = name.TrimEnd('0', '1', '2', '3', '4', '5', '6', '7', '8', '9');
            return stem.Length < name.Length && _ranges.Contains(stem) ? $"{stem}_{call}_{name[stem.Length..]}" : name;
        });

        [GeneratedRegex(@"(?<name>%[A-Za-z_]\w*)(?<range><\d+>)?")]
        private static partial Regex Register();
    }
}
