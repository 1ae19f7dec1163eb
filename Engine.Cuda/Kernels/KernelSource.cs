using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Edifice.Engine.Cuda.Kernels;

/// <summary>Turns a kernel file of this folder into the PTX text that is loaded.</summary>
/// <remarks>
/// <para>A file is PTX, written once for both float types. What differs is marked by a dollar sign:
/// <c>$T</c> f32 or f64; <c>$B</c> b32 or b64; <c>$U</c> u32 or u64 (an unsigned integer of the element's width);
/// <c>$W</c> bytes of an element, 4 or 8; <c>$H</c> its shift, 2 or 3; <c>$C(1.5)</c> the constant, rounded to the type, in PTX's
/// exact hexadecimal form (<c>inf</c>, <c>-inf</c> and <c>nan</c> too). A line that begins with <c>$f32:</c> or <c>$f64:</c> is kept
/// for that type only. A line <c>$use NAME</c> is replaced by file NAME.ptx, each file at most once. Text that recurs inside kernels is
/// a macro: see <see cref="Macros"/>.</para>
/// <para>The header (.version, .target, .address_size) is put in front here: the oldest that has what the kernels use, so that
/// every driver since CUDA 11.0 and every card since Volta takes it.</para>
/// </remarks>
internal static partial class KernelSource
{
    /// <summary>What stands before every module.</summary>
    public const string Header = ".version 7.0\n.target sm_70\n.address_size 64\n";

    /// <summary>The names of the files, without ending.</summary>
    public static IReadOnlyList<string> Files { get; } =
        [.. typeof(KernelSource).Assembly.GetManifestResourceNames().Where(n => n.EndsWith(".ptx", StringComparison.Ordinal)).Select(n => n[..^4]).Order()];

    /// <summary>The module of a kernel file for float32 or float64.</summary>
    public static string Module(string file, DType type) => Header + Expand(ReadFile(file), type);

    /// <summary>Writes a line <c>$use NAME</c> for each of some files.</summary>
    /// <param name="text">The text of a module.</param>
    /// <param name="files">Their names, separated by spaces; may be empty.</param>
    public static void AppendUses(this StringBuilder text, string files)
    {
        foreach (var file in files.Split(' ', StringSplitOptions.RemoveEmptyEntries)) text.Append("$use ").Append(file).Append('\n');
    }

    /// <summary>Replaces the marks of a text by their meaning for a type.</summary>
    public static string Expand(string text, DType type)
    {
        var result = new StringBuilder(text.Length);
        Append(text, type == DType.Float64, result, [], new Macros());
        return Inlining.Apply(result.ToString());
    }

    private static void Append(string text, bool wide, StringBuilder result, HashSet<string> used, Macros macros)
    {
        foreach (var line in text.AsSpan().EnumerateLines())
        {
            if (line.StartsWith("$use "))
            {
                var name = line[5..].Trim().ToString();
                if (used.Add(name)) Append(ReadFile(name), wide, result, used, macros);
            }
            else if (!macros.Define(line))
            {
                AppendLine(line, wide, result, macros);
            }
        }
    }

    private static void AppendLine(ReadOnlySpan<char> line, bool wide, StringBuilder result, Macros macros)
    {
        if (line.StartsWith("$f32:") || line.StartsWith("$f64:"))
        {
            if (line.StartsWith("$f64:") == wide) AppendLine(line[5..], wide, result, macros);
        }
        else if (macros.Replace(line, wide) is { } lines)
        {
            foreach (var inner in lines) AppendLine(inner, wide, result, macros);
        }
        else
        {
            result.Append(line.Contains('$') ? Mark().Replace(line.ToString(), m => Meaning(m, wide)) : line.ToString()).Append('\n');
        }
    }

    [GeneratedRegex(@"\$(?:C\((?<value>[^)]*)\)|(?<mark>[TBUWH])(?![A-Za-z0-9_]))")]
    private static partial Regex Mark();

    private static string Meaning(Match match, bool wide) => match.Groups["mark"].Value switch
    {
        "T" => wide ? "f64" : "f32",
        "B" => wide ? "b64" : "b32",
        "U" => wide ? "u64" : "u32",
        "W" => wide ? "8" : "4",
        "H" => wide ? "3" : "2",
        _ => Constant(Value(match.Groups["value"].Value.Trim()), wide),
    };

    private static double Value(string text) => text switch
    {
        "inf" => double.PositiveInfinity,
        "-inf" => double.NegativeInfinity,
        "nan" => double.NaN,
        _ => double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture),
    };

    /// <summary>A float constant in PTX's exact form.</summary>
    public static string Constant(double value, bool wide) => wide
        ? string.Create(CultureInfo.InvariantCulture, $"0d{BitConverter.DoubleToUInt64Bits(value):X16}")
        : string.Create(CultureInfo.InvariantCulture, $"0f{BitConverter.SingleToUInt32Bits((float)value):X8}");

    private static string ReadFile(string name)
    {
        using var stream = typeof(KernelSource).Assembly.GetManifestResourceStream(name + ".ptx")
            ?? throw new CudaException($"there is no kernel file {name}.ptx in this build; it has {string.Join(", ", Files)}");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
