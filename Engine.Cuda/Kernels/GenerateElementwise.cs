using System.Text;

namespace Edifice.Engine.Cuda.Kernels;

/// <summary>An elementwise operator: what it reads and writes, and its text.</summary>
/// <param name="Result">The result's elements.</param>
/// <param name="Operands">The elements of operands a, b and c.</param>
/// <param name="Body">PTX with marks that forms register <c>{y}</c> from <c>{a}</c>, <c>{b}</c>, <c>{c}</c> and the parameters
/// <c>%s0</c>, <c>%s1</c>; it stands once per element.</param>
/// <param name="Temporaries">Declarations of the registers the body works in.</param>
/// <param name="Uses">Files of device functions the body calls.</param>
/// <param name="ScalarType">PTX type of the parameters.</param>
/// <param name="Scalars">How many parameters: 0 to 2.</param>
internal sealed record ElementwiseOperator(
    ElementType Result, ElementType[] Operands, string Body, string Temporaries = "", string Uses = "", string ScalarType = "f32", int Scalars = 0);

/// <summary>How an elementwise kernel walks its operands.</summary>
/// <param name="Rank">Number of axes; 0: operands without gaps that start at multiples of four elements, where a thread does four of
/// them with vector accesses.</param>
/// <param name="Quads">A thread does four neighbours of the innermost axis, along which every operand runs or stands still.</param>
/// <param name="Still">Bit i: operand i (y is 0) stands still along the innermost axis. With <paramref name="Quads"/> only.</param>
internal readonly record struct ElementwiseLayout(int Rank, bool Quads = false, int Still = 0)
{
    /// <summary>The layout as a number, for keys.</summary>
    public int Code => Rank | (Quads ? 16 : 0) | Still << 8;

    /// <summary>The layout of a number.</summary>
    public static ElementwiseLayout Of(int code) => new(code & 15, (code & 16) != 0, code >> 8);
}

/// <summary>The skeleton of elementwise kernels: one module holds one operator for one layout. A thread finds its place by dividing its
/// number by the extents.</summary>
/// <remarks>Parameters: addresses of y, a, b, c (u64); the number of threads' places, or of elements for rank 0 (u32); the operator's
/// scalars; the extents of axes 1, 2, … (u32), then each operand's steps in bytes, y first, axis 0 first (s64); quads count as one
/// element of the innermost axis. Bound by memory: the bytes of each operand once.</remarks>
internal static class GenerateElementwise
{
    /// <summary>The name of the only kernel of a module.</summary>
    public const string Entry = "elementwise";

    /// <summary>Threads per block.</summary>
    public const int Threads = 256;

    private static readonly string[] Names = ["y", "a", "b", "c"];

    /// <summary>The text of an operator's kernel for a layout.</summary>
    public static string Text(ElementwiseOperator op, ElementwiseLayout layout, DType type)
    {
        var rank = layout.Rank;
        var text = new StringBuilder();
        text.AppendUses(op.Uses);
        var operands = op.Operands.Length + 1;
        text.Append(".visible .entry ").Append(Entry).Append("(\n");
        for (var i = 0; i < operands; i++) text.Append($"    .param .u64 at_{Names[i]},\n");
        text.Append("    .param .u32 count");
        for (var i = 0; i < op.Scalars; i++) text.Append($",\n    .param .{op.ScalarType} scalar{i}");
        for (var axis = 1; axis < rank; axis++) text.Append($",\n    .param .u32 extent{axis}");
        for (var i = 0; rank > 0 && i < operands; i++)
            for (var axis = 0; axis < rank; axis++) text.Append($",\n    .param .s64 step_{Names[i]}{axis}");
        text.Append($")\n.maxntid {Threads}, 1, 1\n{{\n");

        text.Append("    .reg .pred %outside, %rest;\n    .reg .u32 %n, %i, %block, %quads, %place, %left, %extent;\n    .reg .u64 %wide, %step;\n");
        for (var i = 0; i < operands; i++)
        {
            text.Append($"    .reg .u64 %at_{Names[i]};\n");
            text.Append($"    .reg .{Type(op, i).Register} %{Names[i]}<4>;\n");
        }

        for (var i = 0; i < op.Scalars; i++) text.Append($"    .reg .{op.ScalarType} %s{i};\n");
        text.Append(op.Temporaries);
        text.Append("\n    ld.param.u32 %n, [count];\n");
        for (var i = 0; i < operands; i++)
            text.Append($"    ld.param.u64 %at_{Names[i]}, [at_{Names[i]}];\n    cvta.to.global.u64 %at_{Names[i]}, %at_{Names[i]};\n");
        for (var i = 0; i < op.Scalars; i++) text.Append($"    ld.param.{op.ScalarType} %s{i}, [scalar{i}];\n");
        text.Append("    mov.u32 %i, %tid.x;\n    mov.u32 %block, %ctaid.x;\n");
        text.Append($"    mad.lo.u32 %i, %block, {Threads}, %i;\n");
        if (rank == 0) Flat(op, text);
        else Strided(op, layout, text);
        text.Append("    ret;\n}\n");
        return KernelSource.Header + KernelSource.Expand(text.ToString(), type);
    }

    private static ElementType Type(ElementwiseOperator op, int i) => i == 0 ? op.Result : op.Operands[i - 1];

    private static void Flat(ElementwiseOperator op, StringBuilder text)
    {
        // The first n / 4 threads do four elements each; of the others one does one of the elements left.
        text.Append("    shr.u32 %quads, %n, 2;\n    setp.ge.u32 %rest, %i, %quads;\n    @%rest bra LEFT;\n");
        for (var i = 0; i <= op.Operands.Length; i++)
            text.Append($"    mad.wide.u32 %at_{Names[i]}, %i, {4 * Type(op, i).Size}, %at_{Names[i]};\n");
        for (var i = 1; i <= op.Operands.Length; i++) Quad("ld", Type(op, i), Names[i], text);
        for (var lane = 0; lane < 4; lane++) text.Append(Body(op, lane));
        Quad("st", op.Result, "y", text);
        text.Append("    bra DONE;\nLEFT:\n");
        text.Append("    mad.lo.u32 %i, %quads, 3, %i;\n    setp.ge.u32 %outside, %i, %n;\n    @%outside bra DONE;\n");
        for (var i = 0; i <= op.Operands.Length; i++)
            text.Append($"    mad.wide.u32 %at_{Names[i]}, %i, {Type(op, i).Size}, %at_{Names[i]};\n");
        One(op, text);
        text.Append("DONE:\n");
    }

    private static void Strided(ElementwiseOperator op, ElementwiseLayout layout, StringBuilder text)
    {
        text.Append("    setp.ge.u32 %outside, %i, %n;\n    @%outside bra DONE;\n");
        Locate(text, layout.Rank, [.. Names.AsSpan(0, op.Operands.Length + 1)]);
        if (layout.Quads)
        {
            for (var i = 1; i <= op.Operands.Length; i++)
            {
                if ((layout.Still >> i & 1) == 0) Quad("ld", Type(op, i), Names[i], text);
                else text.Append($"    ld.global.{Type(op, i).Memory} %{Names[i]}0, [%at_{Names[i]}];\n");
            }

            for (var lane = 0; lane < 4; lane++) text.Append(Body(op, lane, layout.Still));
            Quad("st", op.Result, "y", text);
        }
        else
        {
            One(op, text);
        }

        text.Append("DONE:\n");
    }

    /// <summary>Text that moves addresses <c>%at_NAME</c> to position <c>%i</c> of the axes, the innermost found first. Needs u32 %i, %left,
    /// %place, %extent and u64 %wide, %step; %i is used up.</summary>
    public static void Locate(StringBuilder text, int rank, ReadOnlySpan<string> names, string suffix = "")
    {
        for (var axis = rank - 1; axis >= 0; axis--)
        {
            if (axis > 0)
            {
                text.Append($"    ld.param.u32 %extent, [extent{suffix}{axis}];\n    div.u32 %left, %i, %extent;\n");
                text.Append("    mul.lo.u32 %place, %left, %extent;\n    sub.u32 %place, %i, %place;\n    mov.u32 %i, %left;\n    cvt.u64.u32 %wide, %place;\n");
            }
            else
            {
                text.Append("    cvt.u64.u32 %wide, %i;\n");
            }

            foreach (var name in names)
                text.Append($"    ld.param.u64 %step, [step_{name}{suffix}{axis}];\n    mad.lo.u64 %at_{name}, %wide, %step, %at_{name};\n");
        }
    }

    private static void One(ElementwiseOperator op, StringBuilder text)
    {
        for (var i = 1; i <= op.Operands.Length; i++) text.Append($"    ld.global.{Type(op, i).Memory} %{Names[i]}0, [%at_{Names[i]}];\n");
        text.Append(Body(op, 0));
        text.Append($"    st.global.{op.Result.Memory} [%at_y], %y0;\n");
    }

    private static string Body(ElementwiseOperator op, int lane, int still = 0)
    {
        var body = op.Body;
        for (var i = 0; i <= op.Operands.Length; i++)
            body = body.Replace($"{{{Names[i]}}}", $"%{Names[i]}{((still >> i & 1) == 0 ? lane : 0)}", StringComparison.Ordinal);
        return body;
    }

    // 16 bytes are the widest access there is: four elements of 8 bytes take two.
    private static void Quad(string access, ElementType type, string name, StringBuilder text)
    {
        var parts = type.Size == 8 ? 2 : 1;
        for (var part = 0; part < parts; part++)
        {
            var lanes = string.Join(", ", Enumerable.Range(part * 2, 4 / parts).Select(lane => $"%{name}{lane}"));
            var at = part == 0 ? $"[%at_{name}]" : $"[%at_{name}+16]";
            var what = $"{access}.global.v{4 / parts}.{type.Memory}";
            text.Append(access == "ld" ? $"    {what} {{{lanes}}}, {at};\n" : $"    {what} {at}, {{{lanes}}};\n");
        }
    }
}
