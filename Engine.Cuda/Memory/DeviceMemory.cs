using Edifice.Engine.Cuda.Driver;

namespace Edifice.Engine.Cuda.Memory;

/// <summary>The memory of one card. What tensors give back is kept by size and handed out again at once, without asking the driver, whose
/// own allocation waits for the card.</summary>
/// <remarks>
/// <para>Reuse is in stream order: a block given back may still be written by a kernel that is queued, and all work goes through one
/// stream, so whoever gets the block is queued behind.</para>
/// <para>Sizes go up in quarters of a power of two, from 512 bytes on: at most a fifth of a block is unused, and tensors of nearly one
/// size, as a training step makes them, share blocks.</para>
/// <para>When the card is full: what is kept goes back to the driver; then tensors that nobody refers to are collected, and theirs
/// too; then the error says what was asked for and what is held.</para>
/// </remarks>
/// <param name="driver">The card.</param>
/// <param name="stream">The stream of all work.</param>
/// <param name="keeps">False: every block has exactly its size and goes back at once, so that an emulator sees every access outside.</param>
internal sealed class DeviceMemory(ICudaDriver driver, StreamHandle stream, bool keeps)
{
    private const long SmallestBlock = 512;

    private readonly Dictionary<long, Stack<DevicePointer>> _kept = [];
    private readonly Lock _lock = new();
    private long _inUse, _keptBytes, _blocks;

    /// <summary>Bytes of the blocks that tensors have.</summary>
    public long InUse
    {
        get
        {
            lock (_lock) return _inUse;
        }
    }

    /// <summary>Bytes of the blocks that wait for a tensor.</summary>
    public long Kept
    {
        get
        {
            lock (_lock) return _keptBytes;
        }
    }

    /// <summary>A block of at least so many bytes; its content is undefined.</summary>
    /// <exception cref="CudaOutOfMemoryException">The card has no room, not even after everything unused was given back.</exception>
    public DevicePointer Take(long byteLength)
    {
        var size = SizeOfBlock(byteLength);
        if (TakeKept(size) is { } kept) return kept;
        CudaOutOfMemoryException full;
        try
        {
            return Allocate(size);
        }
        catch (CudaOutOfMemoryException e)
        {
            full = e;
        }

        for (var collect = false; ; collect = true)
        {
            // Outside the lock: finalizers give blocks back.
            if (collect)
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
            }

            if (TakeKept(size) is { } collected) return collected;
            Trim();
            try
            {
                return Allocate(size);
            }
            catch (CudaOutOfMemoryException e)
            {
                full = e;
            }

            if (collect) break;
        }

        lock (_lock)
            throw new CudaOutOfMemoryException(
                $"out of memory: a tensor of {byteLength} bytes was asked for; tensors of this process hold {_inUse} bytes in {_blocks} blocks, and nothing is kept unused. "
                + $"Make the batch smaller, free tensors with Tensor.Scope(), or recompute with Gradients.Checkpoint. The driver says: {full.Message}", full);
    }

    /// <summary>Takes a block back that <see cref="Take"/> gave for so many bytes.</summary>
    public void Give(DevicePointer block, long byteLength)
    {
        var size = SizeOfBlock(byteLength);
        lock (_lock)
        {
            _inUse -= size;
            _blocks--;
            if (keeps)
            {
                if (!_kept.TryGetValue(size, out var blocks)) _kept[size] = blocks = new Stack<DevicePointer>();
                blocks.Push(block);
                _keptBytes += size;
                return;
            }
        }

        driver.Free(block, stream);
    }

    /// <summary>Gives the kept blocks back to the driver, once the card is done with them.</summary>
    public void Trim()
    {
        List<DevicePointer> blocks = [];
        lock (_lock)
        {
            foreach (var kept in _kept.Values) blocks.AddRange(kept);
            _kept.Clear();
            _keptBytes = 0;
        }

        if (blocks.Count == 0) return;
        driver.Synchronize(stream);
        foreach (var block in blocks) driver.Free(block, stream);
    }

    private DevicePointer? TakeKept(long size)
    {
        lock (_lock)
        {
            if (!_kept.TryGetValue(size, out var blocks) || !blocks.TryPop(out var block)) return null;
            _keptBytes -= size;
            _inUse += size;
            _blocks++;
            return block;
        }
    }

    private DevicePointer Allocate(long size)
    {
        var block = driver.Allocate(size, stream);
        lock (_lock)
        {
            _inUse += size;
            _blocks++;
        }

        return block;
    }

    private long SizeOfBlock(long byteLength)
    {
        if (!keeps) return Math.Max(1, byteLength);
        if (byteLength <= SmallestBlock) return SmallestBlock;
        var step = (long)System.Numerics.BitOperations.RoundUpToPowerOf2((ulong)byteLength) / 8;
        return (byteLength + step - 1) / step * step;
    }
}
