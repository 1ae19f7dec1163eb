using System.Text;

namespace Edifice.Engine.Cuda.Kernels;

/// <summary>A reduction: a state of up to three registers that takes in entries, and two of which can be merged.</summary>
/// <param name="Entry">The elements read, in register <c>%x</c>.</param>
/// <param name="Result">The elements written, from register <c>%y</c>.</param>
/// <param name="State">Types of the state's registers <c>%s0</c>, <c>%s1</c>, <c>%s2</c> and of another state's, <c>%o0</c> ….</param>
/// <param name="Start">Sets the state of no entries.</param>
/// <param name="Step">Takes <c>%x</c> in, whose number among the reduced entries is <c>%r</c> (u32).</param>
/// <param name="Merge">Takes another state in, whose entries come later.</param>
/// <param name="Finish">Forms <c>%y</c>; the number of entries is <c>%n</c> (u32), the parameter <c>%p</c> (f64).</param>
/// <param name="Temporaries">Declarations of the registers these texts work in.</param>
/// <param name="Uses">Files of device functions they call.</param>
/// <param name="Begin">What a thread that reads entries does to the state of none: its first is number <c>%r</c>, and it has one if
/// that is below <c>%end</c> (u32).</param>
internal sealed record ReduceOperator(
    ElementType Entry, ElementType Result, string[] State, string Start, string Step, string Merge, string Finish, string Temporaries, string Uses = "", string Begin = "");

/// <summary>How the threads of a reduction are laid out.</summary>
internal enum ReduceLayout
{
    /// <summary>A warp per result: short rows.</summary>
    Warp,

    /// <summary>A block per result, or per segment of its entries: long rows.</summary>
    Block,

    /// <summary>32 neighbouring results per block, their entries dealt to 8 rows of threads: reduced axes that lie outside.</summary>
    Columns,

    /// <summary>A warp per result merges the states of its segments.</summary>
    Segments,
}

/// <summary>The skeleton of reductions over any axes.</summary>
/// <remarks>
/// <para>The order of everything follows from the shape alone: a thread takes every S-th entry of its segment in ascending order (S the
/// threads per result), threads merge in a binary tree (columns: in order), segments again each 32nd by a lane, then in a tree.
/// No atomics. Bound by memory: every entry once.</para>
/// <para>Parameters: x, y, partial states or 0 (u64); results, entries per result, entries per segment, segments (u32); p (f64); extents of
/// the kept axes 1, 2, … (u32); extents of the reduced axes 1, 2, … (u32); steps in bytes over the kept axes of x, then of y; over the
/// reduced axes of x (s64). Segments: the extents and steps of y alone.</para>
/// </remarks>
internal static class GenerateReduce
{
    /// <summary>The name of the only kernel of a module.</summary>
    public const string Entry = "reduce";

    /// <summary>Threads per block.</summary>
    public const int Threads = 256;

    private const int Warps = Threads / 32;

    /// <summary>The text for so many kept and reduced axes; segments know nothing of x's.</summary>
    public static string Text(ReduceOperator op, ReduceLayout layout, int kept, int reduced, DType type)
    {
        var text = new StringBuilder();
        text.AppendUses(op.Uses);
        text.Append(".visible .entry ").Append(Entry).Append("""
            (
                .param .u64 at_x,
                .param .u64 at_y,
                .param .u64 at_partial,
                .param .u32 results,
                .param .u32 entries,
                .param .u32 chunk,
                .param .u32 segments,
                .param .f64 parameter
            """);
        for (var axis = 1; axis < kept; axis++) text.Append($",\n    .param .u32 extentk{axis}");
        for (var axis = 1; axis < reduced; axis++) text.Append($",\n    .param .u32 extentr{axis}");
        for (var axis = 0; axis < kept && layout != ReduceLayout.Segments; axis++) text.Append($",\n    .param .s64 step_xk{axis}");
        for (var axis = 0; axis < kept; axis++) text.Append($",\n    .param .s64 step_yk{axis}");
        for (var axis = 0; axis < reduced; axis++) text.Append($",\n    .param .s64 step_er{axis}");
        text.Append($")\n.maxntid {Threads}, 1, 1\n{{\n");
        text.Append("""
                .reg .pred %outside, %done, %first, %finishes;
                .reg .u32 %results, %n, %chunk, %segments, %thread, %lane, %warp, %block, %result, %segment, %r, %end, %last, %i, %left, %place, %extent, %slot;
                .reg .u64 %wide, %step, %at_x, %at_y, %at_e, %partial, %plane;
                .reg .f64 %p;
                .reg .b32 %low, %high;

            """);
        text.Append($"    .reg .{op.Entry.Register} %x;\n    .reg .{op.Entry.Register} %x<4>;\n    .reg .{op.Result.Register} %y;\n");
        for (var k = 0; k < op.State.Length; k++) text.Append($"    .reg .{op.State[k]} %s{k}, %o{k};\n");
        text.Append(op.Temporaries);
        if (layout is ReduceLayout.Block or ReduceLayout.Columns)
        {
            text.Append($"    .shared .align 8 .b8 states[{op.State.Length * 8 * (layout == ReduceLayout.Block ? Warps : Threads)}];\n");
            text.Append("    .reg .u32 %shared;\n");
        }

        text.Append("""

                ld.param.u32 %results, [results];
                ld.param.u32 %n, [entries];
                ld.param.u32 %chunk, [chunk];
                ld.param.u32 %segments, [segments];
                ld.param.f64 %p, [parameter];
                ld.param.u64 %at_x, [at_x];
                ld.param.u64 %at_y, [at_y];
                ld.param.u64 %partial, [at_partial];
                setp.eq.u64 %finishes, %partial, 0;
                cvta.to.global.u64 %at_x, %at_x;
                cvta.to.global.u64 %at_y, %at_y;
                cvta.to.global.u64 %partial, %partial;
                mov.u32 %thread, %tid.x;
                mov.u32 %block, %ctaid.x;
                and.b32 %lane, %thread, 31;
                shr.u32 %warp, %thread, 5;

            """);
        Place(layout, text);
        text.Append("    mov.u32 %i, %result;\n");
        GenerateElementwise.Locate(text, kept, layout == ReduceLayout.Segments ? ["y"] : ["x", "y"], "k");
        text.Append(op.Start);
        if (layout == ReduceLayout.Segments) Segments(op, text);
        else Accumulate(op, layout, reduced, text);
        text.Append("MERGE:\n");
        switch (layout)
        {
            case ReduceLayout.Block: AcrossBlock(op, text); break;
            case ReduceLayout.Columns: DownColumns(op, text); break;
            default:
                Tree(op, 16, text);
                text.Append("    setp.ne.u32 %outside, %lane, 0;\n    @%outside bra DONE;\n");
                break;
        }

        if (layout is ReduceLayout.Block or ReduceLayout.Columns)
        {
            text.Append("    @%finishes bra FINISH;\n    mad.lo.u32 %slot, %result, %segments, %segment;\n");
            Slots(op, "st", "%s", text);
            text.Append("    bra DONE;\nFINISH:\n");
        }

        text.Append(op.Finish);
        text.Append($"    st.global.{op.Result.Memory} [%at_y], %y;\nDONE:\n    ret;\n}}\n");
        return KernelSource.Header + KernelSource.Expand(text.ToString(), type);
    }

    // Which result, and which of its entries: %r, to %end.
    private static void Place(ReduceLayout layout, StringBuilder text)
    {
        switch (layout)
        {
            case ReduceLayout.Warp or ReduceLayout.Segments:
                text.Append($"""
                        mad.lo.u32 %result, %block, {Warps}, %warp;
                        setp.ge.u32 %outside, %result, %results;
                        @%outside bra DONE;
                        mov.u32 %segment, 0;
                        mov.u32 %r, %lane;
                        mov.u32 %end, %n;

                    """);
                break;
            case ReduceLayout.Block:
                text.Append("""
                        div.u32 %result, %block, %segments;
                        mul.lo.u32 %segment, %result, %segments;
                        sub.u32 %segment, %block, %segment;
                        mul.lo.u32 %r, %segment, %chunk;
                        add.u32 %end, %r, %chunk;
                        min.u32 %end, %end, %n;
                        add.u32 %r, %r, %thread;

                    """);
                break;
            default:
                // A thread beside the last result takes in nothing, but goes to the barriers with the others.
                text.Append("""
                        div.u32 %result, %block, %segments;
                        mul.lo.u32 %segment, %result, %segments;
                        sub.u32 %segment, %block, %segment;
                        mad.lo.u32 %result, %result, 32, %lane;
                        mul.lo.u32 %r, %segment, %chunk;
                        add.u32 %end, %r, %chunk;
                        min.u32 %end, %end, %n;
                        add.u32 %r, %r, %warp;
                        setp.ge.u32 %outside, %result, %results;
                        selp.u32 %end, 0, %end, %outside;

                    """);
                break;
        }
    }

    private static void Accumulate(ReduceOperator op, ReduceLayout layout, int reduced, StringBuilder text)
    {
        text.Append(op.Begin);
        var stride = layout switch { ReduceLayout.Block => Threads, ReduceLayout.Columns => Warps, _ => 32 };
        if (reduced == 1)
        {
            // Four loads under way at once.
            text.Append($"    ld.param.u64 %step, [step_er0];\nFOUR:\n    add.u32 %last, %r, {3 * stride};\n    setp.ge.u32 %done, %last, %end;\n    @%done bra ONE;\n");
            text.Append("    cvt.u64.u32 %wide, %r;\n    mad.lo.u64 %at_e, %wide, %step, %at_x;\n");
            text.Append($"    mul.lo.u64 %wide, %step, {stride};\n");
            for (var i = 0; i < 4; i++)
            {
                text.Append($"    ld.global.{op.Entry.Memory} %x{i}, [%at_e];\n");
                if (i < 3) text.Append("    add.u64 %at_e, %at_e, %wide;\n");
            }

            // Not every operation asks for the number of its entry.
            var numbered = op.Step.Contains("%r", StringComparison.Ordinal);
            for (var i = 0; i < 4; i++)
            {
                text.Append(op.Step.Replace("%x", $"%x{i}", StringComparison.Ordinal));
                if (numbered) text.Append($"    add.u32 %r, %r, {stride};\n");
            }

            if (!numbered) text.Append($"    add.u32 %r, %r, {4 * stride};\n");
            text.Append("    bra FOUR;\n");
        }

        text.Append("ONE:\n    setp.ge.u32 %done, %r, %end;\n    @%done bra MERGE;\n");
        if (reduced == 1)
        {
            text.Append("    cvt.u64.u32 %wide, %r;\n    mad.lo.u64 %at_e, %wide, %step, %at_x;\n");
        }
        else
        {
            text.Append("    mov.u64 %at_e, %at_x;\n    mov.u32 %i, %r;\n");
            GenerateElementwise.Locate(text, reduced, ["e"], "r");
        }

        text.Append($"    ld.global.{op.Entry.Memory} %x, [%at_e];\n");
        text.Append(op.Step);
        text.Append($"    add.u32 %r, %r, {stride};\n    bra ONE;\n");
    }

    private static void Segments(ReduceOperator op, StringBuilder text)
    {
        text.Append("ONE:\n    setp.ge.u32 %done, %r, %segments;\n    @%done bra MERGE;\n    mad.lo.u32 %slot, %result, %segments, %r;\n");
        Slots(op, "ld", "%o", text);
        text.Append(op.Merge);
        text.Append("    add.u32 %r, %r, 32;\n    bra ONE;\n");
    }

    // A state lies in 8 bytes per register, one plane of them after the other.
    private static void Slots(ReduceOperator op, string access, string state, StringBuilder text)
    {
        text.Append("    mad.wide.u32 %plane, %slot, 8, %partial;\n");
        for (var k = 0; k < op.State.Length; k++)
        {
            text.Append(access == "ld"
                ? $"    ld.global.{op.State[k]} {state}{k}, [%plane];\n"
                : $"    st.global.{op.State[k]} [%plane], {state}{k};\n");
            if (k + 1 < op.State.Length)
                text.Append("    mul.wide.u32 %wide, %results, %segments;\n    shl.b64 %wide, %wide, 3;\n    add.u64 %plane, %plane, %wide;\n");
        }
    }

    // Lane i takes in lane i + half: the state of the whole warp ends in lane 0.
    private static void Tree(ReduceOperator op, int from, StringBuilder text)
    {
        for (var half = from; half > 0; half /= 2)
        {
            for (var k = 0; k < op.State.Length; k++) Shuffle(text, "down", op.State[k], $"%o{k}", $"%s{k}", half, 31);
            text.Append(op.Merge);
        }
    }

    /// <summary>Moves a register of 4 or 8 bytes across a whole warp; needs b32 %low, %high.</summary>
    public static void Shuffle(StringBuilder text, string mode, string type, string to, string from, int distance, int clamp)
    {
        if (!type.EndsWith("64", StringComparison.Ordinal))
        {
            text.Append($"    mov.b32 %low, {from};\n    shfl.sync.{mode}.b32 %low, %low, {distance}, {clamp}, 0xffffffff;\n    mov.b32 {to}, %low;\n");
            return;
        }

        text.Append($"    mov.b64 {{%low, %high}}, {from};\n");
        text.Append($"    shfl.sync.{mode}.b32 %low, %low, {distance}, {clamp}, 0xffffffff;\n");
        text.Append($"    shfl.sync.{mode}.b32 %high, %high, {distance}, {clamp}, 0xffffffff;\n");
        text.Append($"    mov.b64 {to}, {{%low, %high}};\n");
    }

    private static void AcrossBlock(ReduceOperator op, StringBuilder text)
    {
        Tree(op, 16, text);
        text.Append("    mov.u32 %shared, states;\n    mad.lo.u32 %slot, %warp, 8, %shared;\n    setp.ne.u32 %outside, %lane, 0;\n");
        for (var k = 0; k < op.State.Length; k++) text.Append($"    @!%outside st.shared.{op.State[k]} [%slot+{k * 8 * Warps}], %s{k};\n");
        text.Append("    bar.sync 0;\n    setp.ne.u32 %outside, %warp, 0;\n    @%outside bra DONE;\n");

        // Lane 0 hears of the first lanes, one per warp, alone: what the others keep does not matter.
        text.Append($"    mad.lo.u32 %slot, %lane, 8, %shared;\n    setp.ge.u32 %outside, %lane, {Warps};\n");
        for (var k = 0; k < op.State.Length; k++) text.Append($"    @!%outside ld.shared.{op.State[k]} %s{k}, [%slot+{k * 8 * Warps}];\n");
        Tree(op, Warps / 2, text);
        text.Append("    setp.ne.u32 %outside, %lane, 0;\n    @%outside bra DONE;\n");
    }

    private static void DownColumns(ReduceOperator op, StringBuilder text)
    {
        text.Append("    mov.u32 %shared, states;\n    mad.lo.u32 %slot, %thread, 8, %shared;\n");
        for (var k = 0; k < op.State.Length; k++) text.Append($"    st.shared.{op.State[k]} [%slot+{k * 8 * Threads}], %s{k};\n");
        text.Append("    bar.sync 0;\n    setp.ne.or.u32 %outside, %warp, 0, %outside;\n    @%outside bra DONE;\n");
        for (var row = 1; row < Warps; row++)
        {
            for (var k = 0; k < op.State.Length; k++) text.Append($"    ld.shared.{op.State[k]} %o{k}, [%slot+{k * 8 * Threads + row * 8 * 32}];\n");
            text.Append(op.Merge);
        }
    }
}
