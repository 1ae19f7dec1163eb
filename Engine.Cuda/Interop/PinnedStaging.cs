using Edifice.Engine.Cuda.Driver;

namespace Edifice.Engine.Cuda.Interop;

/// <summary>Copies between host and card by way of pinned memory, the only kind the card can reach by itself: while one half of it is
/// on its way the other is filled or emptied.</summary>
/// <remarks>One copy at a time: callers wait for one another. The pinned memory is made when it is first needed and stays.</remarks>
internal sealed unsafe class PinnedStaging(NativeDriver driver, CudaApi api)
{
    private const int HalfBytes = 4 << 20;

    private readonly Lock _lock = new();
    private readonly nint[] _marks = new nint[2];
    private readonly bool[] _busy = new bool[2];
    private byte* _memory;

    /// <summary>Queues a copy to the card; the source may be changed on return.</summary>
    public void Upload(ReadOnlySpan<byte> source, DevicePointer destination, StreamHandle stream)
    {
        lock (_lock)
        {
            Prepare();
            var half = 0;
            for (var done = 0; done < source.Length; half ^= 1)
            {
                var n = Math.Min(HalfBytes, source.Length - done);
                Await(half);
                source.Slice(done, n).CopyTo(Half(half));
                driver.Check(api.MemcpyHtoDAsync(destination.Address + (ulong)done, _memory + half * HalfBytes, (nuint)n, stream.Value), $"copying {n} bytes to the card");
                Mark(half, stream);
                done += n;
            }
        }
    }

    /// <summary>Copies to the host and waits for the copy.</summary>
    public void Download(DevicePointer source, Span<byte> destination, StreamHandle stream)
    {
        lock (_lock)
        {
            Prepare();
            var pieces = (destination.Length + HalfBytes - 1) / HalfBytes;
            if (pieces > 0) Ask(source, 0, destination.Length, stream);
            for (var piece = 0; piece < pieces; piece++)
            {
                // Its half was emptied a round ago.
                if (piece + 1 < pieces) Ask(source, piece + 1, destination.Length, stream);
                Await(piece & 1);
                var rest = destination[(piece * HalfBytes)..];
                Half(piece & 1)[..Math.Min(HalfBytes, rest.Length)].CopyTo(rest);
            }
        }
    }

    private void Ask(DevicePointer source, int piece, int length, StreamHandle stream)
    {
        var (at, half) = (piece * HalfBytes, piece & 1);
        var n = Math.Min(HalfBytes, length - at);
        Await(half);
        driver.Check(api.MemcpyDtoHAsync(_memory + half * HalfBytes, source.Address + (ulong)at, (nuint)n, stream.Value), $"copying {n} bytes to the host");
        Mark(half, stream);
    }

    private Span<byte> Half(int half) => new(_memory + half * HalfBytes, HalfBytes);

    private void Prepare()
    {
        if (_memory is not null) return;
        void* memory;
        driver.Check(api.MemHostAlloc(&memory, 2 * HalfBytes, 0), "pinning host memory");
        for (var i = 0; i < 2; i++)
        {
            nint mark;
            driver.Check(api.EventCreate(&mark, CudaCodes.EventDisableTiming), "making an event");
            _marks[i] = mark;
        }

        _memory = (byte*)memory;
    }

    private void Mark(int half, StreamHandle stream)
    {
        driver.Check(api.EventRecord(_marks[half], stream.Value), "recording an event");
        _busy[half] = true;
    }

    private void Await(int half)
    {
        if (!_busy[half]) return;
        driver.Check(api.EventSynchronize(_marks[half]), "waiting for a copy");
        _busy[half] = false;
    }
}
