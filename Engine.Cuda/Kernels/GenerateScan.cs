using System.Text;

namespace Edifice.Engine.Cuda.Kernels;

/// <summary>A running operation: states that can be merged, the state of one entry, and what a state stands for.</summary>
/// <param name="Entry">The elements read into <c>%x</c> and written from <c>%y</c>.</param>
/// <param name="State">Types of the registers of a state, <c>%s0</c> and <c>%s1</c>, and of an earlier one, <c>%o0</c> and <c>%o1</c>.</param>
/// <param name="Start">Sets <c>%s</c> to the state of no entries.</param>
/// <param name="Load">Sets <c>%s</c> to the state of <c>%x</c> alone.</param>
/// <param name="Merge">Sets <c>%s</c> to <c>%o</c> followed by <c>%s</c>.</param>
/// <param name="Value">Forms <c>%y</c> from <c>%s</c>.</param>
/// <param name="Temporaries">Declarations of the registers these texts work in.</param>
/// <param name="Uses">Files of device functions they call.</param>
internal sealed record ScanOperator(
    ElementType Entry, string[] State, string Start, string Load, string Merge, string Value, string Temporaries, string Uses = "");

/// <summary>The skeleton of scans along an axis: a thread per line, or a block per line or per segment of a long one.</summary>
/// <remarks>
/// <para>A block takes 256 entries at a time: a tree in each warp, the warps' totals in order, the total so far before them. Long lines go in two
/// launches over the same segments: the first writes their totals, the second starts each with the merged totals of those
/// before it. The order of everything follows from the shape alone. Bound by memory: an entry read and written once (long lines: read
/// twice).</para>
/// <para>Parameters: first entry of x, of y, totals or 0 (u64); lines, entries, entries per segment, segments, mode (u32: 0 scan, 1 write
/// totals, 2 scan from totals); steps in bytes along the axis in x, in y (s64); extents of the other axes 1, 2, … (u32); their steps in x,
/// then in y (s64).</para>
/// </remarks>
internal static class GenerateScan
{
    /// <summary>The name of the only kernel of a module.</summary>
    public const string Entry = "scan";

    /// <summary>Threads per block.</summary>
    public const int Threads = 256;

    /// <summary>The text for so many axes beside the scanned one.</summary>
    public static string Text(ScanOperator op, bool byBlocks, bool exclusive, int rank, DType type)
    {
        var text = new StringBuilder();
        text.AppendUses(op.Uses);
        text.Append(".visible .entry ").Append(Entry).Append("""
            (
                .param .u64 at_x,
                .param .u64 at_y,
                .param .u64 at_totals,
                .param .u32 lines,
                .param .u32 entries,
                .param .u32 chunk,
                .param .u32 segments,
                .param .u32 mode,
                .param .s64 along_x,
                .param .s64 along_y
            """);
        for (var axis = 1; axis < rank; axis++) text.Append($",\n    .param .u32 extent{axis}");
        for (var axis = 0; axis < rank; axis++) text.Append($",\n    .param .s64 step_x{axis}");
        for (var axis = 0; axis < rank; axis++) text.Append($",\n    .param .s64 step_y{axis}");
        text.Append($")\n.maxntid {Threads}, 1, 1\n{{\n");
        text.Append("""
                .reg .pred %outside, %done, %totals, %continues, %below;
                .reg .u32 %lines, %n, %chunk, %segments, %mode, %thread, %lane, %warp, %block, %line, %segment, %r, %base, %end, %i, %left, %place, %extent, %slot, %shared;
                .reg .u64 %wide, %step, %at_x, %at_y, %at_totals, %plane, %along_x, %along_y, %at;
                .reg .b32 %low, %high;

            """);
        text.Append($"    .reg .{op.Entry.Register} %x, %y;\n");
        for (var k = 0; k < op.State.Length; k++) text.Append($"    .reg .{op.State[k]} %s{k}, %o{k}, %carry{k}, %prefix{k};\n");
        text.Append(op.Temporaries);
        if (byBlocks) text.Append($"    .shared .align 8 .b8 states[{op.State.Length * 64}];\n");
        text.Append("""

                ld.param.u32 %lines, [lines];
                ld.param.u32 %n, [entries];
                ld.param.u32 %chunk, [chunk];
                ld.param.u32 %segments, [segments];
                ld.param.u32 %mode, [mode];
                ld.param.u64 %along_x, [along_x];
                ld.param.u64 %along_y, [along_y];
                ld.param.u64 %at_x, [at_x];
                ld.param.u64 %at_y, [at_y];
                ld.param.u64 %at_totals, [at_totals];
                cvta.to.global.u64 %at_x, %at_x;
                cvta.to.global.u64 %at_y, %at_y;
                cvta.to.global.u64 %at_totals, %at_totals;
                mov.u32 %thread, %tid.x;
                mov.u32 %block, %ctaid.x;
                and.b32 %lane, %thread, 31;
                shr.u32 %warp, %thread, 5;

            """);
        if (byBlocks) Blocks(op, exclusive, rank, text);
        else OneByOne(op, exclusive, rank, text);
        text.Append("DONE:\n    ret;\n}\n");
        return KernelSource.Header + KernelSource.Expand(text.ToString(), type);
    }

    private static void OneByOne(ScanOperator op, bool exclusive, int rank, StringBuilder text)
    {
        text.Append($"    mad.lo.u32 %line, %block, {Threads}, %thread;\n    setp.ge.u32 %outside, %line, %lines;\n    @%outside bra DONE;\n    mov.u32 %i, %line;\n");
        GenerateElementwise.Locate(text, rank, ["x", "y"]);
        text.Append(op.Start);
        Move(op, "%o", "%s", text);
        text.Append("    mov.u32 %r, 0;\nNEXT:\n    setp.ge.u32 %done, %r, %n;\n    @%done bra DONE;\n");
        text.Append($"    ld.global.{op.Entry.Memory} %x, [%at_x];\n");
        if (exclusive)
        {
            Move(op, "%s", "%o", text);
            text.Append(op.Value);
        }

        text.Append(op.Load).Append(op.Merge);
        Move(op, "%o", "%s", text);
        if (!exclusive) text.Append(op.Value);
        text.Append($"    st.global.{op.Entry.Memory} [%at_y], %y;\n");
        text.Append("    add.u64 %at_x, %at_x, %along_x;\n    add.u64 %at_y, %at_y, %along_y;\n    add.u32 %r, %r, 1;\n    bra NEXT;\n");
    }

    private static void Blocks(ScanOperator op, bool exclusive, int rank, StringBuilder text)
    {
        text.Append("""
                div.u32 %line, %block, %segments;
                mul.lo.u32 %segment, %line, %segments;
                sub.u32 %segment, %block, %segment;
                mov.u32 %i, %line;

            """);
        GenerateElementwise.Locate(text, rank, ["x", "y"]);
        text.Append("""
                mul.lo.u32 %base, %segment, %chunk;
                add.u32 %end, %base, %chunk;
                min.u32 %end, %end, %n;
                mov.u32 %shared, states;
                setp.eq.u32 %totals, %mode, 1;
                setp.eq.u32 %continues, %mode, 2;

            """);
        text.Append(op.Start);
        text.Append("    @!%continues bra STARTED;\n    mov.u32 %r, 0;\nEARLIER:\n    setp.ge.u32 %done, %r, %segment;\n    @%done bra STARTED;\n");

        // The totals of the segments before this one, in order; every thread forms the same.
        Move(op, "%o", "%s", text);
        text.Append("    mad.lo.u32 %slot, %line, %segments, %r;\n");
        Slots(op, "ld", "%s", text);
        text.Append(op.Merge);
        text.Append("    add.u32 %r, %r, 1;\n    bra EARLIER;\nSTARTED:\n");
        Move(op, "%carry", "%s", text);

        text.Append("CHUNK:\n    setp.ge.u32 %done, %base, %end;\n    @%done bra ENDED;\n    add.u32 %r, %base, %thread;\n");
        text.Append(op.Start);
        text.Append($"    setp.ge.u32 %outside, %r, %end;\n    @%outside bra LOADED;\n    cvt.u64.u32 %wide, %r;\n    mad.lo.u64 %at, %wide, %along_x, %at_x;\n    ld.global.{op.Entry.Memory} %x, [%at];\n");
        text.Append(op.Load).Append("LOADED:\n");
        for (var distance = 1; distance < 32; distance *= 2)
        {
            for (var k = 0; k < op.State.Length; k++) GenerateReduce.Shuffle(text, "up", op.State[k], $"%o{k}", $"%s{k}", distance, 0);
            text.Append($"    setp.lt.u32 %below, %lane, {distance};\n    @%below bra KEPT{distance};\n").Append(op.Merge).Append($"KEPT{distance}:\n");
        }

        text.Append("    setp.ne.u32 %below, %lane, 31;\n    mad.lo.u32 %slot, %warp, 8, %shared;\n");
        for (var k = 0; k < op.State.Length; k++) text.Append($"    @!%below st.shared.{op.State[k]} [%slot+{64 * k}], %s{k};\n");
        text.Append("    bar.sync 0;\n");

        // This thread's entries so far wait in %prefix while the warps' totals are merged into the carry one by one; what that is before
        // the own warp comes before them.
        if (exclusive)
        {
            for (var k = 0; k < op.State.Length; k++) GenerateReduce.Shuffle(text, "up", op.State[k], $"%prefix{k}", $"%s{k}", 1, 0);
            text.Append("    setp.ne.u32 %below, %lane, 0;\n    @%below bra SHIFTED;\n").Append(op.Start);
            Move(op, "%prefix", "%s", text);
            text.Append("SHIFTED:\n");
        }
        else
        {
            Move(op, "%prefix", "%s", text);
        }

        for (var warp = 0; warp < Threads / 32; warp++)
        {
            Move(op, "%o", "%carry", text);
            text.Append($"    setp.ne.u32 %below, %warp, {warp};\n    @%below bra OTHER{warp};\n");
            if (exclusive || warp > 0) Move(op, "%s", "%prefix", text); // else it is still there
            text.Append(op.Merge);
            Move(op, "%prefix", "%s", text);
            text.Append($"OTHER{warp}:\n");
            for (var k = 0; k < op.State.Length; k++) text.Append($"    ld.shared.{op.State[k]} %s{k}, [%shared+{64 * k + 8 * warp}];\n");
            text.Append(op.Merge);
            Move(op, "%carry", "%s", text);
        }

        text.Append("    bar.sync 0;\n    or.pred %done, %outside, %totals;\n    @%done bra WRITTEN;\n");
        Move(op, "%s", "%prefix", text);
        text.Append(op.Value);
        text.Append($"    mad.lo.u64 %at, %wide, %along_y, %at_y;\n    st.global.{op.Entry.Memory} [%at], %y;\n");
        text.Append($"WRITTEN:\n    add.u32 %base, %base, {Threads};\n    bra CHUNK;\nENDED:\n");
        text.Append("    setp.ne.u32 %outside, %thread, 0;\n    @%outside bra DONE;\n    @!%totals bra DONE;\n    mad.lo.u32 %slot, %line, %segments, %segment;\n");
        Slots(op, "st", "%carry", text);
    }

    private static void Move(ScanOperator op, string to, string from, StringBuilder text)
    {
        for (var k = 0; k < op.State.Length; k++) text.Append($"    mov.{op.State[k]} {to}{k}, {from}{k};\n");
    }

    private static void Slots(ScanOperator op, string access, string state, StringBuilder text)
    {
        text.Append("    mad.wide.u32 %plane, %slot, 8, %at_totals;\n");
        for (var k = 0; k < op.State.Length; k++)
        {
            if (k > 0) text.Append("    mul.wide.u32 %wide, %lines, %segments;\n    shl.b64 %wide, %wide, 3;\n    add.u64 %plane, %plane, %wide;\n");
            text.Append(access == "ld" ? $"    ld.global.{op.State[k]} {state}{k}, [%plane];\n" : $"    st.global.{op.State[k]} [%plane], {state}{k};\n");
        }
    }
}
