using System.Numerics;
using PtxEmulator.Checks;
using PtxEmulator.Isa;

namespace PtxEmulator.Execution;

internal enum AtomicOperation { Add, Min, Max, And, Or, Xor, Exchange, CompareExchange, Increment, Decrement }

/// <summary>atom and red: lane after lane, in order.</summary>
internal sealed unsafe class Atomic(Place place, Slot? result, Slot a, Slot b, AtomicOperation operation, ScalarType type) : MemoryStep(place)
{
    protected override string What => "updates";

    public override void Execute(Warp warp, uint mask)
    {
        Count(warp, mask, true);
        byte* addresses = Place.Address.At(warp), pa = a.At(warp), pb = b.At(warp);
        var bytes = Place.Bytes;
        while (mask != 0)
        {
            var lane = Lanes.Next(ref mask);
            var region = Resolve(warp, lane, AddressOf(addresses, lane), out var offset, out var floor);
            RequireWritten(warp, lane, region, offset, bytes);
            if (CellsOf(region, bytes) is { } cells) Stamps.Write(warp, this, lane, region, cells, floor, offset, bytes, true, false);
            MarkWritten(warp, lane, region, offset, bytes);
            var at = region.Host + offset;
            if (bytes == 8)
            {
                ref var cell = ref *(ulong*)at;
                var x = ((ulong*)pa)[lane];
                var y = ((ulong*)pb)[lane];
                ulong old, next;
                do
                {
                    old = Volatile.Read(ref cell);
                    next = Next64(old, x, y);
                }
                while (Interlocked.CompareExchange(ref cell, next, old) != old);
                if (result is { } target) ((ulong*)target.At(warp))[lane] = old;
            }
            else
            {
                ref var cell = ref *(uint*)at;
                var x = ((uint*)pa)[lane];
                var y = ((uint*)pb)[lane];
                uint old, next;
                do
                {
                    old = Volatile.Read(ref cell);
                    next = Next32(old, x, y);
                }
                while (Interlocked.CompareExchange(ref cell, next, old) != old);
                if (result is { } target) ((uint*)target.At(warp))[lane] = old;
            }
        }
    }

    private uint Next32(uint old, uint x, uint y)
    {
        if (type == ScalarType.F32 && operation == AtomicOperation.Add)
        {
            return BitConverter.SingleToUInt32Bits(BitConverter.UInt32BitsToSingle(old) + BitConverter.UInt32BitsToSingle(x));
        }

        return type == ScalarType.S32 ? (uint)Next((int)old, (int)x, (int)y) : Next(old, x, y);
    }

    private ulong Next64(ulong old, ulong x, ulong y)
    {
        if (type == ScalarType.F64 && operation == AtomicOperation.Add)
        {
            return BitConverter.DoubleToUInt64Bits(BitConverter.UInt64BitsToDouble(old) + BitConverter.UInt64BitsToDouble(x));
        }

        return type == ScalarType.S64 ? (ulong)Next((long)old, (long)x, (long)y) : Next(old, x, y);
    }

    private T Next<T>(T old, T x, T y) where T : IBinaryInteger<T> => operation switch
    {
        AtomicOperation.Add => old + x,
        AtomicOperation.Min => T.Min(old, x),
        AtomicOperation.Max => T.Max(old, x),
        AtomicOperation.And => old & x,
        AtomicOperation.Or => old | x,
        AtomicOperation.Xor => old ^ x,
        AtomicOperation.Exchange => x,
        AtomicOperation.CompareExchange => old == x ? y : old,
        AtomicOperation.Increment => old >= x ? T.Zero : old + T.One,
        _ => T.IsZero(old) || old > x ? x : old - T.One,
    };
}

/// <summary>cp.async: begins copies from global to shared memory.</summary>
internal sealed unsafe class AsyncCopy(Place target, Place source, Slot? sourceBytes) : MemoryStep(target)
{
    private readonly SourceStep _source = new(source);

    protected override string What => "fills";

    public override void Execute(Warp warp, uint mask)
    {
        var bytes = Place.Bytes;
        _source.Line = Line;
        while (mask != 0)
        {
            var lane = Lanes.Next(ref mask);
            var data = new byte[bytes];
            var count = sourceBytes is { } s ? (int)Math.Min(((uint*)s.At(warp))[lane], (uint)bytes) : bytes;
            _source.Read(warp, lane, data, count);
            var region = Resolve(warp, lane, AddressOf(Place.Address.At(warp), lane), out var offset, out var floor);
            if (region.Cells is { } cells) Stamps.Write(warp, this, lane, region, cells, floor, offset, bytes, false, false);
            MarkWritten(warp, lane, region, offset, bytes);
            new Span<byte>(region.States + offset, bytes).Fill(Memory.ByteState.Pending);
            warp.Copies.Begin(lane, offset, data);
        }
    }

    private sealed class SourceStep(Place place) : MemoryStep(place)
    {
        protected override string What => "reads";

        public void Read(Warp warp, int lane, byte[] data, int count)
        {
            var region = Resolve(warp, lane, AddressOf(Place.Address.At(warp), lane), out var offset, out var floor);
            if (count == 0) return;
            for (var i = 0; i < count; i++) RequireWritten(warp, lane, region, offset + i, 1);
            if (region.Cells is { } cells) Stamps.Read(warp, this, lane, region, cells, floor, offset, count, false);
            new ReadOnlySpan<byte>(region.Host + offset, count).CopyTo(data);
        }

        public override void Execute(Warp warp, uint mask) => throw new InvalidOperationException();
    }
}

/// <summary>cp.async.commit_group, wait_group and wait_all.</summary>
internal sealed class AsyncFence(bool commits, int kept) : Step
{
    public override void Execute(Warp warp, uint mask)
    {
        while (mask != 0)
        {
            var lane = Lanes.Next(ref mask);
            if (commits) warp.Copies.Commit(lane);
            if (kept >= 0 && warp.Block.Shared is { } shared) warp.Copies.Wait(lane, kept, shared);
        }
    }
}
