using System.Text;

namespace Edifice.Engine.Cuda.Kernels;

/// <summary>A copy whose source runs along one axis and whose destination runs along another: tiles of 32 × 32 elements go through
/// shared memory, so that both sides are read and written in whole lines.</summary>
/// <remarks>
/// <para>A row of the tile has one word more than it has elements: then its columns fall on different banks. A thread moves four elements.
/// Bound by memory: an element read and written.</para>
/// <para>Parameters: y, x (u64); extents of y's axis and of x's (u32); x's step in bytes along y's axis and y's along x's (s64); extents of the other
/// axes 1, 2, … (u32), their steps in y, then in x (s64).</para>
/// </remarks>
internal static class GenerateTranspose
{
    /// <summary>The name of the only kernel of a module.</summary>
    public const string Entry = "transpose";

    /// <summary>Elements along the side of a tile.</summary>
    public const int Tile = 32;

    /// <summary>Threads per block: 8 rows of 32.</summary>
    public const int Threads = 256;

    /// <summary>The text for a dtype and so many axes beside the two.</summary>
    public static string Text(DType dtype, int rank)
    {
        var type = ElementType.Bits(dtype);
        var row = Tile * type.Size + Math.Max(4, type.Size);
        var text = new StringBuilder(".visible .entry ").Append(Entry);
        text.Append("(\n    .param .u64 at_y,\n    .param .u64 at_x,\n    .param .u32 columns,\n    .param .u32 rows,\n    .param .s64 across_x,\n    .param .s64 across_y");
        for (var axis = 1; axis < rank; axis++) text.Append($",\n    .param .u32 extent{axis}");
        foreach (var name in (ReadOnlySpan<string>)["y", "x"])
            for (var axis = 0; axis < rank; axis++) text.Append($",\n    .param .s64 step_{name}{axis}");
        text.Append($$"""
            )
            .maxntid {{Threads}}, 1, 1
            {
                // y runs along "columns", x along "rows".
                .reg .pred %outside;
                .reg .u32 %columns, %rows, %wide_tiles, %high_tiles, %thread, %tx, %ty, %i, %column, %row, %c, %r, %left, %place, %extent, %shared, %slot;
                .reg .u64 %wide, %step, %at_y, %at_x, %across_x, %across_y, %at;
                .reg .{{type.Register}} %v;
                .shared .align 8 .b8 tile[{{Tile * row}}];

                ld.param.u32 %columns, [columns];
                ld.param.u32 %rows, [rows];
                ld.param.u64 %across_x, [across_x];
                ld.param.u64 %across_y, [across_y];
                ld.param.u64 %at_y, [at_y];
                ld.param.u64 %at_x, [at_x];
                cvta.to.global.u64 %at_y, %at_y;
                cvta.to.global.u64 %at_x, %at_x;
                mov.u32 %thread, %tid.x;
                and.b32 %tx, %thread, 31;
                shr.u32 %ty, %thread, 5;
                mov.u32 %shared, tile;

                // Which tile of which plane.
                add.u32 %wide_tiles, %columns, 31;
                shr.u32 %wide_tiles, %wide_tiles, 5;
                add.u32 %high_tiles, %rows, 31;
                shr.u32 %high_tiles, %high_tiles, 5;
                mov.u32 %i, %ctaid.x;
                div.u32 %left, %i, %wide_tiles;
                mul.lo.u32 %column, %left, %wide_tiles;
                sub.u32 %column, %i, %column;
                shl.b32 %column, %column, 5;
                div.u32 %i, %left, %high_tiles;
                mul.lo.u32 %row, %i, %high_tiles;
                sub.u32 %row, %left, %row;
                shl.b32 %row, %row, 5;

            """);
        GenerateElementwise.Locate(text, rank, ["y", "x"]);
        text.Append($"    add.u32 %r, %row, %tx;\n    mad.wide.u32 %at_x, %r, {type.Size}, %at_x;\n");
        for (var part = 0; part < 4; part++)
        {
            // Neighbours of x lie along the rows: lanes go down a column of the tile.
            text.Append($"    add.u32 %c, %column, %ty;\n    add.u32 %c, %c, {8 * part};\n    setp.ge.u32 %outside, %c, %columns;\n    setp.ge.or.u32 %outside, %r, %rows, %outside;\n    @%outside bra READ{part};\n");
            text.Append($"    cvt.u64.u32 %wide, %c;\n    mad.lo.u64 %at, %wide, %across_x, %at_x;\n    ld.global.{type.Memory} %v, [%at];\n");
            text.Append($"    mad.lo.u32 %slot, %tx, {row}, %shared;\n    mad.lo.u32 %slot, %ty, {type.Size}, %slot;\n    st.shared.{type.Memory} [%slot+{8 * part * type.Size}], %v;\nREAD{part}:\n");
        }

        text.Append($"    bar.sync 0;\n    add.u32 %c, %column, %tx;\n    mad.wide.u32 %at_y, %c, {type.Size}, %at_y;\n");
        for (var part = 0; part < 4; part++)
        {
            text.Append($"    add.u32 %r, %row, %ty;\n    add.u32 %r, %r, {8 * part};\n    setp.ge.u32 %outside, %c, %columns;\n    setp.ge.or.u32 %outside, %r, %rows, %outside;\n    @%outside bra WRITTEN{part};\n");
            text.Append($"    mad.lo.u32 %slot, %ty, {row}, %shared;\n    mad.lo.u32 %slot, %tx, {type.Size}, %slot;\n    ld.shared.{type.Memory} %v, [%slot+{8 * part * row}];\n");
            text.Append($"    cvt.u64.u32 %wide, %r;\n    mad.lo.u64 %at, %wide, %across_y, %at_y;\n    st.global.{type.Memory} [%at], %v;\nWRITTEN{part}:\n");
        }

        text.Append("    ret;\n}\n");
        return KernelSource.Header + text;
    }
}
