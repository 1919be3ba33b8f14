-- The source again, before the run, last of three:
--   psql -f back.sql -v target="host=db.cloud.example dbname=shop user=replicator" ADDRESS

-- The way back, made while the source still takes statements like this one. It learns here what the target publishes; its
-- slot comes when it is needed, before the target's first write.
create subscription back connection :'target' publication back
  with (enabled = false, create_slot = false, slot_name = 'back', copy_data = false);
