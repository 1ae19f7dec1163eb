using System.Text;

namespace Edifice.Engine.Cuda.Kernels;

/// <summary>Reading and adding through indices along an axis.</summary>
internal static class GenerateIndex
{
    /// <summary>Threads per block.</summary>
    public const int Threads = 256;

    /// <summary>y = x at the indices along the axis: a thread per element of y, y's neighbours side by side. Parameters: y, x, index
    /// (u64); elements (u32); x's step in bytes along the axis (s64); extents of y's axes 1, 2, … (u32); steps of y, of x (0 along the
    /// axis), of index (s64). Bound by memory: an element and an index read, an element written.</summary>
    public static string Gather(DType dtype, int rank)
    {
        var type = ElementType.Bits(dtype);
        var text = new StringBuilder();
        text.Append(".visible .entry gather(\n    .param .u64 at_y,\n    .param .u64 at_x,\n    .param .u64 at_index,\n    .param .u32 count,\n    .param .s64 along_x");
        for (var axis = 1; axis < rank; axis++) text.Append($",\n    .param .u32 extent{axis}");
        foreach (var name in (ReadOnlySpan<string>)["y", "x", "index"])
            for (var axis = 0; axis < rank; axis++) text.Append($",\n    .param .s64 step_{name}{axis}");
        text.Append($$"""
            )
            .maxntid {{Threads}}, 1, 1
            {
                .reg .pred %outside;
                .reg .u32 %n, %i, %block, %left, %place, %extent;
                .reg .u64 %wide, %step, %at_y, %at_x, %at_index, %along, %which;
                .reg .{{type.Register}} %v;

                ld.param.u32 %n, [count];
                mov.u32 %i, %tid.x;
                mov.u32 %block, %ctaid.x;
                mad.lo.u32 %i, %block, {{Threads}}, %i;
                setp.ge.u32 %outside, %i, %n;
                @%outside bra DONE;
                ld.param.u64 %at_y, [at_y];
                ld.param.u64 %at_x, [at_x];
                ld.param.u64 %at_index, [at_index];
                ld.param.u64 %along, [along_x];
                cvta.to.global.u64 %at_y, %at_y;
                cvta.to.global.u64 %at_x, %at_x;
                cvta.to.global.u64 %at_index, %at_index;

            """);
        GenerateElementwise.Locate(text, rank, ["y", "x", "index"]);
        text.Append($$"""
                ld.global.u64 %which, [%at_index];
                mad.lo.u64 %at_x, %which, %along, %at_x;
                ld.global.{{type.Memory}} %v, [%at_x];
                st.global.{{type.Memory}} [%at_y], %v;
            DONE:
                ret;
            }

            """);
        return KernelSource.Header + text;
    }

    /// <summary>y += src at the indices along the axis, repeats in ascending order and without atomics: the indices come sorted, with the
    /// places they had; the thread at the first of equal indices adds all of them up, one after the other, from what y holds.
    /// A thread per index and line, lines side by side. Parameters: y, src, sorted, places (u64; the latter two int64); lines,
    /// entries (u32); steps in bytes along the axis of y, src, sorted, places (s64); extents of the other axes 1, 2, … (u32); their
    /// steps in y, src, sorted, places (s64). Bound by memory: src and both index tensors read, the touched part of y read and
    /// written.</summary>
    public static string ScatterAdd(DType dtype, int rank)
    {
        var type = ElementType.Of(dtype);
        var t = type.Register;
        string[] names = ["y", "src", "sorted", "places"];
        var text = new StringBuilder();
        text.Append(".visible .entry scatter_add(\n");
        foreach (var name in names) text.Append($"    .param .u64 at_{name},\n");
        text.Append("    .param .u32 lines,\n    .param .u32 entries");
        foreach (var name in names) text.Append($",\n    .param .s64 along_{name}");
        for (var axis = 1; axis < rank; axis++) text.Append($",\n    .param .u32 extent{axis}");
        foreach (var name in names)
            for (var axis = 0; axis < rank; axis++) text.Append($",\n    .param .s64 step_{name}{axis}");
        text.Append($$"""
            )
            .maxntid {{Threads}}, 1, 1
            {
                .reg .pred %outside, %isfirst, %repeats;
                .reg .u32 %lines, %n, %i, %e, %block, %left, %place, %extent;
                .reg .u64 %wide, %step, %at, %which, %next, %from;

            """);
        foreach (var name in names) text.Append($"    .reg .u64 %at_{name}, %along_{name};\n");
        text.Append($$"""
                .reg .{{t}} %sum, %v;

                ld.param.u32 %lines, [lines];
                ld.param.u32 %n, [entries];
                mov.u32 %i, %tid.x;
                mov.u32 %block, %ctaid.x;
                mad.lo.u32 %i, %block, {{Threads}}, %i;
                div.u32 %e, %i, %lines;
                setp.ge.u32 %outside, %e, %n;
                @%outside bra DONE;
                mul.lo.u32 %left, %e, %lines;
                sub.u32 %i, %i, %left;

            """);
        foreach (var name in names)
            text.Append($"    ld.param.u64 %along_{name}, [along_{name}];\n    ld.param.u64 %at_{name}, [at_{name}];\n    cvta.to.global.u64 %at_{name}, %at_{name};\n");
        GenerateElementwise.Locate(text, rank, names);
        text.Append($$"""
                cvt.u64.u32 %wide, %e;
                mad.lo.u64 %at_sorted, %wide, %along_sorted, %at_sorted;
                mad.lo.u64 %at_places, %wide, %along_places, %at_places;
                ld.global.u64 %which, [%at_sorted];
                setp.eq.u32 %isfirst, %e, 0;
                @%isfirst bra ADD;
                sub.u64 %at, %at_sorted, %along_sorted;
                ld.global.u64 %next, [%at];
                setp.eq.u64 %repeats, %next, %which;
                @%repeats bra DONE;
            ADD:
                mad.lo.u64 %at_y, %which, %along_y, %at_y;
                ld.global.{{type.Memory}} %sum, [%at_y];
            NEXT:
                ld.global.u64 %from, [%at_places];
                mad.lo.u64 %at, %from, %along_src, %at_src;
                ld.global.{{type.Memory}} %v, [%at];
                add{{(t[0] == 'f' ? ".rn" : "")}}.{{t}} %sum, %sum, %v;
                add.u32 %e, %e, 1;
                setp.ge.u32 %outside, %e, %n;
                @%outside bra WRITE;
                add.u64 %at_sorted, %at_sorted, %along_sorted;
                add.u64 %at_places, %at_places, %along_places;
                ld.global.u64 %next, [%at_sorted];
                setp.eq.u64 %repeats, %next, %which;
                @%repeats bra NEXT;
            WRITE:
                st.global.{{type.Memory}} [%at_y], %sum;
            DONE:
                ret;
            }

            """);
        return KernelSource.Header + text;
    }
}
